"""What becomes of jobs that a worker runs, in this very process."""

from __future__ import annotations

import logging
import time
from functools import partial

import pytest
from django.db import connection

from django_jobs import JobSpec, enqueue, enqueue_many
from django_jobs.models import Job, Worker
from django_jobs.orders import WorkerOptions
from django_jobs.worker.intake import HOLD
from django_jobs.worker.worker import Worker as WorkerProcess
from testproject.ledger import jobs
from testproject.ledger.models import Effect, Gate

pytestmark = pytest.mark.django_db(transaction=True)

NOTHING, GIVE_BACK = "testproject.ledger.jobs.nothing", "testproject.ledger.jobs.give_back"


def run(**options):
    """Run what is due, and return the report."""
    return WorkerProcess(WorkerOptions(burst=True, **options)).run()


def finished(row):
    """Run what is due, and return the job as it is then."""
    run()
    row.refresh_from_db()
    return row


def test_a_job_that_returns_has_succeeded():
    # Given a job that returns what it was given
    row = jobs.give_back.enqueue({"answer": (1, 2.5, None)})
    # When it is run
    row = finished(row)
    # Then its result is kept, and its times are in order
    assert row.state == Job.State.SUCCEEDED
    assert row.result == {"answer": {"$tuple": [1, 2.5, None]}}
    assert row.enqueued_at <= row.started_at <= row.finished_at < row.prune_at
    assert (row.attempts, row.claims, row.errors) == (1, 1, [])


def test_a_job_that_raises_has_failed_when_no_attempt_is_left():
    # Given a job with one attempt
    row = finished(jobs.fail.enqueue("no luck"))
    # Then it has failed, and the error is kept with all that is known of it
    assert row.state == Job.State.FAILED
    (error,) = row.errors
    assert (error["exception"], error["message"]) == ("builtins.ValueError", "no luck")
    assert error["attempt"] == 1
    assert "raise ValueError(message)" in error["traceback"]
    assert error["started_at"] <= error["ended_at"]
    assert ":" in error["worker"]


def test_a_job_that_raises_waits_for_its_next_attempt_by_the_default_backoff(settings):
    # Given a job with two attempts, and no jitter
    settings.DJANGO_JOBS = {"BACKOFF_JITTER": 0}
    row = enqueue(jobs.fail.job.with_args("no luck").with_max_attempts(2))
    # When its first one fails
    row = finished(row)
    # Then it waits for ten seconds
    assert row.state == Job.State.SCHEDULED
    assert 9.5 < (row.scheduled_at - row.started_at).total_seconds() < 10.5
    assert (row.attempts, row.worker, row.finished_at) == (1, None, None)


def test_a_job_may_ask_for_another_attempt_and_is_charged():
    # Given a job that raises Retry with no delay, and has two attempts
    row = jobs.ask_to_retry.enqueue(0)
    # When all that is due is run
    row = finished(row)
    # Then it has used both
    assert (row.state, row.attempts, len(row.errors)) == (Job.State.FAILED, 2, 2)


def test_a_job_may_snooze_and_is_not_charged():
    # Given a job with one attempt that snoozes once
    row = jobs.ask_to_snooze.enqueue("snoozed", 0)
    # When all that is due is run
    row = finished(row)
    # Then it was run twice, and charged once
    assert (row.state, row.attempts, row.claims) == (Job.State.SUCCEEDED, 1, 2)


def test_a_job_may_cancel_itself():
    row = finished(jobs.ask_to_cancel.enqueue("nobody wants it"))
    assert (row.state, row.errors) == (Job.State.CANCELLED, [])
    assert row.note == "nobody wants it"


def test_an_unknown_function_is_parked_visibly_and_is_not_charged(caplog):
    # Given a row that names a function which this code does not have
    row = Job.objects.create(name="shop.jobs.from_the_next_release")
    # When it is claimed
    row = finished(row)
    # Then it waits, says why, and has its attempt left
    assert (row.state, row.attempts, row.errors) == (Job.State.SCHEDULED, 0, [])
    assert row.note.startswith("Parked: No job function is named 'shop.jobs.from_the_next_release'")
    assert "job.parked" in caplog.text


def test_a_parked_job_runs_when_its_function_is_known():
    # Given a job that was parked
    row = Job.objects.create(name=NOTHING, note="Parked: it was not there")
    # When it is run
    row = finished(row)
    # Then it has succeeded, and nothing is left to note
    assert (row.state, row.note) == (Job.State.SUCCEEDED, None)


def test_a_name_can_choose_no_code_outside_the_installed_apps():
    # Given a row that names a function of the standard library
    row = finished(Job.objects.create(name="os.getcwd"))
    # Then it is not run
    assert row.state == Job.State.SCHEDULED
    assert "JOB_MODULES" in row.note


def test_a_coroutine_function_runs_on_the_event_loop():
    # Given coroutine jobs that wait, more than there are places
    rows = enqueue_many([jobs.take_time_async.job.with_kwargs(seconds=0.05)] * 30)
    # When they are run ten at a time
    report = run(concurrency=10)
    # Then they waited side by side
    assert (report.processed, report.succeeded) == (30, 30)
    assert report.seconds < 30 * 0.05
    assert Job.objects.get(pk=rows[0].pk).result == "awake"


def test_a_coroutine_job_uses_the_database():
    # Given a job that uses the async ORM, and one that calls sync code
    Gate.objects.create(name="open")
    jobs.leave_effect_async.enqueue("async")
    row = jobs.read_gate_async.enqueue("open")
    # When they are run
    assert finished(row).result is True
    assert Effect.objects.filter(label="async").count() == 1


def test_a_coroutine_job_takes_a_model_instance():
    # Given a coroutine job with an instance among its arguments
    gate = Gate.objects.create(name="mine")
    row = finished(jobs.name_of_async.enqueue(gate))
    # Then it was fetched for it
    assert row.result == "mine"


def test_a_coroutine_job_is_cancelled_at_its_timeout():
    row = finished(jobs.run_too_long.enqueue())
    assert row.state == Job.State.FAILED
    assert row.errors[0]["exception"] == "django_jobs.exceptions.JobTimeout"
    assert "0.2 seconds" in row.errors[0]["message"]
    assert row.duration.total_seconds() < 5


def test_a_thread_job_that_overruns_its_timeout_is_told_of(caplog):
    # Given a job in a thread, which nobody can stop
    row = enqueue(jobs.take_time.job.with_kwargs(label="slow", seconds=0.1).with_timeout(0.01))
    # When it runs longer than it may
    row = finished(row)
    # Then that is logged, and the work that was done counts
    assert row.state == Job.State.SUCCEEDED
    assert "job.overran" in caplog.text


@pytest.mark.parametrize(
    ("function", "exception"),
    [
        (jobs.call_exit, "SystemExit"),
        (jobs.return_unstorable, "NotStorable"),
        (jobs.raise_with_nul, "ValueError"),
        (jobs.raise_unprintable, "Unprintable"),
        (jobs.break_transaction, "DataError"),
    ],
)
def test_whatever_a_job_does_its_attempt_fails_and_the_worker_lives(
    function, exception, monkeypatch
):
    # Given a job that misbehaves, and a good one behind it. The lines logged of it hold text that
    # cannot be encoded, on which the test runner's own channel breaks.
    monkeypatch.setattr(logging.getLogger("django_jobs"), "disabled", True)
    row, good = function.enqueue(), jobs.nothing.enqueue()
    # When both are run
    row = finished(row)
    # Then the one has failed, with an error that can be read, and the other has not
    assert row.state == Job.State.FAILED
    assert row.errors[0]["exception"].rpartition(".")[2] == exception
    good.refresh_from_db()
    assert good.state == Job.State.SUCCEEDED


def test_an_unstorable_result_names_the_offending_value():
    row = finished(jobs.return_unstorable.enqueue())
    assert "the result['a']" in row.errors[0]["message"]


def test_arguments_that_no_longer_fit_fail_the_job_clearly():
    # Given a row whose arguments the function does not take
    row = Job.objects.create(name=GIVE_BACK, kwargs={"valeu": 1})
    # When it is run
    row = finished(row)
    # Then its error names the parameter
    assert row.state == Job.State.FAILED
    assert "valeu" in row.errors[0]["message"]


def test_a_model_instance_whose_row_is_gone_fails_the_job_clearly():
    # Given a job with an instance that is deleted meanwhile
    gate = Gate.objects.create(name="gone")
    row = jobs.give_back.enqueue(gate)
    gate.delete()
    # When it is run
    row = finished(row)
    # Then the error says so
    assert row.errors[0]["exception"].endswith("Gate.DoesNotExist")


def test_a_job_leaves_no_trace_in_the_next_one():
    # Given what a job sees in a clean thread
    clean = finished(jobs.describe_thread.enqueue()).result
    # When another job has left a language, a time zone and an open transaction behind
    enqueue_many([jobs.make_a_mess.job, jobs.break_transaction.job, jobs.describe_thread.job])
    run(concurrency=1)
    # Then the one after it, in the same thread, sees none of it
    after = Job.objects.filter(name__endswith="describe_thread").latest("pk").result
    assert after == clean
    assert after["uncommitted"] == 0
    assert not after["in_atomic_block"]


def test_priorities_hold_across_queues():
    # Given jobs of several priorities on two queues
    for label, queue, priority in [("3", "a", 0), ("1", "b", 10), ("4", "a", -5), ("2", "b", 5)]:
        enqueue(jobs.leave_effect.job.with_args(label).with_queue(queue).with_priority(priority))
    # When they are run one at a time
    run(concurrency=1)
    # Then the higher ones came first
    assert list(Effect.objects.order_by("pk").values_list("label", flat=True)) == list("1234")


def test_a_cancelled_running_job_stays_cancelled():
    # Given a job that is cancelled while it runs, by itself
    row = jobs.cancel_itself_from_outside.enqueue()
    # When it ends
    run()
    # Then its outcome is not recorded
    row.refresh_from_db()
    assert (row.state, row.claims) == (Job.State.CANCELLED, 2)


def test_what_a_lost_claim_made_ours_is_given_back(monkeypatch):
    # Given a claim that the database commits, and whose answer never arrives
    from django.db.utils import OperationalError

    from django_jobs import engine

    row = jobs.nothing.enqueue()
    make, broken = engine.Claim.make, list[object]()

    def claim_and_lose_the_answer(claim):
        jobs = make(claim)
        if jobs and not broken:
            broken.append(jobs)
            raise OperationalError("the connection broke after the commit")
        return jobs

    monkeypatch.setattr(engine.Claim, "make", claim_and_lose_the_answer)
    # When the worker goes on
    row = finished(row)
    # Then it has found the job, given it back uncharged, and run it
    assert broken
    assert (row.state, row.attempts, row.claims) == (Job.State.SUCCEEDED, 1, 3)


def test_a_job_does_not_go_back_while_its_process_is_starting(test_database_for_children):
    # Given a job for a process, and processes that take longer to start than jobs are held
    row = enqueue(JobSpec(func="process.give_back", args=(1,)))
    # When it is run
    WorkerProcess(WorkerOptions(burst=True), initialize=partial(time.sleep, 1.5 * HOLD)).run()
    # Then it was claimed once
    row.refresh_from_db()
    assert (row.state, row.claims) == (Job.State.SUCCEEDED, 1)


def test_a_worker_leaves_nothing_behind():
    jobs.nothing.enqueue()
    run()
    assert not Worker.objects.exists()


def test_ended_jobs_are_logged_one_line_each(caplog):
    caplog.set_level(logging.INFO, "django_jobs")
    row = jobs.nothing.enqueue()
    run()
    assert f"job.succeeded id={row.pk} name={row.name} attempt=1 duration=0.0" in caplog.text


def test_connections_of_job_threads_are_kept_from_job_to_job():
    # Given jobs that use the database, one after the other in one thread
    enqueue_many([jobs.leave_effect.job.with_args(str(n)) for n in range(20)])
    # When they are run
    with connection.cursor() as cursor:
        cursor.execute("SELECT sessions FROM pg_stat_database WHERE datname = current_database()")
        (before,) = cursor.fetchone()
        run(concurrency=1)
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT sessions FROM pg_stat_database WHERE datname = current_database()")
        (after,) = cursor.fetchone()
    # Then there were fewer connections than jobs
    assert after - before < 10
