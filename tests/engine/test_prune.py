"""prune: finished jobs past their retention are deleted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_jobs import engine
from django_jobs.models import Job
from django_jobs.states import FINISHED, LIVE
from tests.rows import make_job
from tests.threads import at_once

pytestmark = pytest.mark.django_db


def old(state):
    return make_job(state, prune_at=timezone.now() - timedelta(seconds=1))


@pytest.mark.parametrize("state", sorted(FINISHED))
def test_a_finished_job_past_its_time_is_deleted(state):
    old(state)

    assert engine.prune(using="default") == 1
    assert not Job.objects.exists()


@pytest.mark.parametrize("state", sorted(FINISHED))
def test_a_finished_job_whose_time_has_not_come_stays(state):
    make_job(state, prune_at=timezone.now() + timedelta(minutes=1))
    make_job(state, prune_at=None)

    assert engine.prune(using="default") == 0


@pytest.mark.parametrize("state", sorted(LIVE))
def test_a_live_job_is_never_deleted(state):
    old(state)

    assert engine.prune(using="default") == 0
    assert Job.objects.exists()


def test_it_goes_on_until_nothing_is_left():
    for _ in range(7):
        old("succeeded")

    assert engine.prune(using="default", batch=3) == 7


def test_many_pruners_share_the_work(transactional_db):
    for _ in range(30):
        old("succeeded")

    counts = at_once(*[lambda: engine.prune(using="default", batch=4)] * 4)

    assert sum(counts) == 30
    assert not Job.objects.exists()
