"""Jobs that run, or have ended."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from tests.explainable.kinds import ERROR, ago, ahead, hire, kind
from tests.rows import make_job


@kind
def claimed():
    return make_job("running", worker_id=hire().pk)


@kind
def claimed_by_one_that_is_gone():
    return make_job("running", worker_id=77)


@kind
def running():
    progress = {"done": 1_500, "total": 2_000, "message": "4711"}
    since = {"started_at": ago(minutes=11), "timeout": timedelta(minutes=10)}
    return make_job("running", worker_id=hire().pk, progress=progress, **since)


@kind
def running_in_silence():
    worker = hire(heartbeat_at=ago(minutes=2))
    return make_job("running", worker_id=worker.pk, started_at=ago(minutes=3))


@kind
def running_nowhere():
    return make_job("running", worker_id=77, started_at=ago(seconds=3))


@kind
def succeeded():
    now = timezone.now()
    return make_job("succeeded", started_at=now - timedelta(seconds=3.4), finished_at=now)


@kind
def failed():
    return make_job("failed", errors=[ERROR], prune_at=ahead(days=1))


@kind
def failed_because_of_another():
    return make_job("failed", attempts=0, ended_by=12, errors=[{**ERROR, "attempt": 0}])


@kind
def cancelled():
    return make_job("cancelled", note="4711.")
