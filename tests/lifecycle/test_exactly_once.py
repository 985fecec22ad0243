"""Atomic jobs whose workers are killed again and again: each has its effect, once."""

from __future__ import annotations

import os
import signal
import sys
from random import Random

import pytest

from django_jobs import JobSpec, enqueue_many
from django_jobs.models import Job
from testproject.ledger.models import Effect
from tests.lifecycle.gates import FileGate
from tests.threads import wait_until
from tests.torture import scenarios
from tests.torture.audit import audit

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not sys.platform.startswith("linux"), reason="there is no /proc to look into"
    ),
]

HOSTS = (("--processes", "2", *scenarios.FLAGS),)
KINDS = ("worker", "process", "supervisor")


def test_effects_of_atomic_jobs_happen_exactly_once_whoever_is_killed(runjobs, monkeypatch):
    # Given 200 atomic jobs, in threads and in processes
    monkeypatch.setenv("DJANGO_JOBS_JOB_PROCESSES", "1")
    # When workers, processes that run jobs and supervisors are killed while they run
    found = scenarios.exactly_once(runjobs, 200, 4, Random(3), hosts=HOSTS, kinds=KINDS)
    # Then each job has succeeded and left one effect
    assert not found.broken, found.line
    assert (found.audit.jobs, found.audit.effects, found.audit.repeated) == (200, 200, 0)
    assert found.kills.total() == 4


def test_effects_of_other_jobs_happen_at_least_once(runjobs, monkeypatch):
    # Given 100 jobs that are not atomic, most of whose time comes after their effect
    monkeypatch.setenv("DJANGO_JOBS_JOB_PROCESSES", "1")
    # When workers are killed while they run
    found = scenarios.at_least_once(
        runjobs, 100, 3, Random(4), hosts=HOSTS, kinds=("worker",), longest=0.1
    )
    # Then each has left an effect
    assert not found.broken, found.line
    assert found.audit.jobs == 100


def test_a_kill_between_effect_and_end_repeats_the_effect_and_the_audit_sees_it(runjobs, tmp_path):
    # Given a job that is not atomic, has left its effect and has not ended
    gate = FileGate(tmp_path / "gate")
    enqueue_many([gate.spec("thread.leave_an_effect_and_wait")])
    runjobs("--processes", "0")
    wait_until(lambda: gate.begun)
    # When its worker is killed there, and another runs it to its end
    os.kill(gate.begun[0], signal.SIGKILL)
    gate.let_go()
    runjobs("--processes", "0")
    wait_until(lambda: Job.objects.succeeded().exists())
    # Then the effect is there twice: were it so above, it would be seen
    assert audit(once=False).repeated == 1
    assert audit(once=True).broken


def test_the_audit_sees_what_is_lost_repeated_or_left(db):
    # Given a job that nobody has run, and an effect of another that is not there
    (row,) = enqueue_many([JobSpec(func="thread.leave_one_effect", kwargs={"seconds": 0})])
    Effect.objects.create(job=row.pk + 1, label="atomic", pid=1)
    Effect.objects.create(job=row.pk + 1, label="atomic", pid=1)
    # When the ledger is compared with the jobs
    broken = "\n".join(audit(once=True).broken)
    # Then all of it is told
    assert "not all jobs have succeeded: {'ready': 1}" in broken
    assert f"1 jobs have no effect: {row.pk}" in broken
    assert f"2 effects of no job: {row.pk + 1}" not in broken
    assert f"1 effects of no job: {row.pk + 1}" in broken
    assert f"1 jobs have more than one effect: {row.pk + 1}" in broken
