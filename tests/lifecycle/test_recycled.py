"""Workers that are worn out, and are replaced."""

from __future__ import annotations

import os

import pytest

from django_jobs import enqueue_many
from django_jobs.models import Job, Worker
from testproject.ledger.jobs import take_time
from testproject.ledger.models import Effect
from tests.lifecycle.conftest import CHECKOUT

JOBS = 35


@pytest.fixture
def frail(transactional_db, tmp_path, monkeypatch):
    """Let workers be worn out after ten runs."""
    (tmp_path / "frail_settings.py").write_text(
        "from testproject.settings import *\nDJANGO_JOBS = {**DJANGO_JOBS, 'WORKER_MAX_JOBS': 10}\n"
    )
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "frail_settings")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(CHECKOUT)]))
    specs = [take_time.job.with_kwargs(label=str(n), seconds=0.005) for n in range(JOBS)]
    enqueue_many(specs)


def test_a_worn_worker_is_replaced_until_all_is_done_and_nothing_is_charged(frail, runjobs):
    # Given more jobs than a worker may run
    # When they are run in a burst
    command = runjobs("--burst", "--concurrency", "1")
    # Then it ends when all have run, once each
    assert command.ends() == 0, command.output
    assert Job.objects.succeeded().filter(attempts=1).count() == JOBS
    assert Effect.objects.count() == JOBS
    # And several workers had their share of them, and left in order
    assert len(set(Effect.objects.values_list("pid", flat=True))) > 1
    assert "worker.recycled" in command.output
    assert "worker.died" not in command.output
    assert f"Processed {JOBS} jobs" in command.output
    assert not Worker.objects.exists()


def test_max_jobs_is_exact_over_workers_that_are_replaced(frail, runjobs):
    # Given jobs of which some may be run, which are more than one worker may run
    command = runjobs("--max-jobs", "15", "--concurrency", "1")
    # Then exactly those have run
    assert command.ends() == 0, command.output
    assert "worker.recycled" in command.output
    assert Effect.objects.count() == 15
    assert Job.objects.ready().filter(attempts=0).count() == JOBS - 15


def test_a_worn_worker_without_a_supervisor_ends_the_command_and_says_why(frail, runjobs):
    # Given a command that would go on for ever
    command = runjobs("--processes", "0", "--concurrency", "1")
    # Then it ends as if it had been told to, so that its process manager starts another
    assert command.ends() == 0, command.output
    assert "The worker ended to be replaced: it has run " in command.output
    assert not Worker.objects.exists()
    assert not Job.objects.running().exists()
    assert Job.objects.ready().filter(attempts=0).count() == JOBS - Effect.objects.count()
