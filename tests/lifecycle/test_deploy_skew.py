"""Rows made by other code than that which runs them."""

from __future__ import annotations

import pytest

from django_jobs.models import Job
from testproject.ledger.models import Effect
from tests.rows import make_job


def run_all(runjobs):
    command = runjobs("--burst")
    assert command.ends() == 0, command.output
    return command


@pytest.mark.parametrize("lane", ["", "process.gone"])
def test_a_job_that_no_function_answers_to_is_parked_and_its_neighbours_run(runjobs, lane):
    # Given a job of a function that is not deployed yet, or no more, and others around it
    before = make_job(name="process.nothing", lane="process.nothing")
    parked = make_job(name="process.gone", lane=lane)
    after = make_job(name="thread.nothing")
    # When they are run
    command = run_all(runjobs)
    # Then it waits, and says why, and nothing is charged
    parked.refresh_from_db()
    assert (parked.state, parked.attempts) == (Job.State.SCHEDULED, 0), command.output
    assert "process.gone" in (parked.note or "")
    # And the others have run, in the one worker that there was
    assert set(Job.objects.succeeded()) == {before, after}
    assert command.output.count("worker.started") == 1


@pytest.mark.parametrize("kind", ["thread", "process", "asyncio"])
def test_arguments_that_the_function_does_not_take_any_more_fail_clearly(runjobs, kind):
    # Given a job with the arguments that its function took before
    lane = "process.wait_at_file" if kind == "process" else ""
    old = make_job(name=f"{kind}.wait_at_file", lane=lane, kwargs={"door": "old"})
    # When it is run
    run_all(runjobs)
    # Then it fails, and the error names the argument
    old.refresh_from_db()
    assert (old.state, old.attempts) == (Job.State.FAILED, 1)
    assert old.errors[0]["exception"] == "builtins.TypeError"
    assert "'door'" in old.errors[0]["message"]


@pytest.mark.parametrize(
    ("name", "lane"),
    [("process.nothing", ""), ("thread.nothing", "thread.nothing")],
    ids=["was a thread's, is a process's", "was a process's, is a thread's"],
)
def test_a_job_whose_function_has_another_executor_now_runs_there(runjobs, name, lane):
    # Given jobs that were enqueued when their function ran elsewhere, with other limits
    jobs = [make_job(name=name, lane=lane, memory_limit=2**30) for _ in range(3)]
    # When they are run
    run_all(runjobs)
    # Then they run, once each
    assert Job.objects.succeeded().filter(attempts=1).count() == len(jobs)
    assert not Effect.objects.exists()
