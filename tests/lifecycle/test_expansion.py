"""Jobs with ALL in them whose workers are killed: each value has its job, and no value two."""

from __future__ import annotations

import os
import signal
from functools import partial

from django_jobs import enqueue_many
from django_jobs.models import Job
from testproject.ledger.models import Effect
from testproject.ledger.paint import paint, paint_slowly
from tests.lifecycle.conftest import worker_pids
from tests.rows import sql
from tests.threads import wait_until

PARENTS = 60


def test_each_makes_its_jobs_once_however_often_workers_are_killed(runjobs):
    # Given many jobs that stand for two each
    enqueue_many(
        [
            paint_slowly.job.with_kwargs(label=str(n), wall="ALL", seconds=0.02)
            for n in range(PARENTS)
        ]
    )
    command = runjobs("--processes", "2", "--concurrency", "2", "--burst")
    # When a worker is killed again and again while they are at it
    killed: set[int] = set()
    for least in (1, 5, 20, 60):
        wait_until(partial(_is_time, least, killed))
        victim = (set(worker_pids()) - killed).pop()
        os.kill(victim, signal.SIGKILL)
        killed.add(victim)
    # Then each has made its two, and no more
    assert command.ends(120) == 0, command.output
    parents = Job.objects.filter(parent=None)
    assert {(one.state, one.result) for one in parents} == {("succeeded", 2)}
    pairs = Job.objects.exclude(parent=None).values_list("parent", "kwargs__wall")
    assert len(pairs) == len(set(pairs)) == 2 * PARENTS
    # And every one of these has been run
    assert not Job.objects.exclude(state="succeeded").exists()
    labels = set(Effect.objects.values_list("label", flat=True))
    assert labels == {f"{n} {wall}" for n in range(PARENTS) for wall in ("north", "south")}


def test_a_worker_that_dies_between_making_them_and_its_end_has_made_none(runjobs):
    # Given a job whose end has to wait, since somebody holds its row
    (row,) = enqueue_many([paint.job.with_kwargs(label="wall", colour="ALL").with_max_attempts(2)])
    sql(
        """CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$;
        CREATE TRIGGER hold BEFORE UPDATE ON django_jobs_job FOR EACH ROW
        WHEN (NEW.state = 'succeeded' AND OLD.parent_id IS NULL AND OLD.attempts = 1)
        EXECUTE FUNCTION hold()"""
    )
    try:
        command = runjobs("--burst", "--processes", "1")
        wait_until(lambda: _sleepers() == 1)
        # When its worker is killed there
        (victim,) = worker_pids()
        os.kill(victim, signal.SIGKILL)
        _end_sleepers()
        # Then those that it had made are gone with it, and the next attempt makes them
        assert command.ends(60) == 0, command.output
    finally:
        sql("DROP FUNCTION hold() CASCADE")
    row.refresh_from_db()
    assert (row.state, row.attempts, row.result) == ("succeeded", 2, 3)
    assert Job.objects.filter(parent=row).succeeded().count() == 3
    assert Effect.objects.count() == 3


def _is_time(least: int, killed: set[int]) -> bool:
    """Return whether so many were made, and a worker lives that was not killed."""

    made = Job.objects.exclude(parent=None).count()
    return made >= least and bool(set(worker_pids()) - killed)


def _sleepers() -> int:
    ((count,),) = sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
    return int(count)


def _end_sleepers() -> None:
    # A server notices that its client is gone when it next speaks to it.
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
