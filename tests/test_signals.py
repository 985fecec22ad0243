"""What receivers hear of jobs and workers."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from django.db import transaction

from django_jobs import JobSpec, cancel, enqueue, enqueue_many, signals
from django_jobs.models import Job, Worker
from django_jobs.orders import WorkerOptions
from django_jobs.worker.worker import Worker as WorkerProcess
from testproject.ledger import jobs

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def heard(*names, sender=None, receive=None):
    """Collect ``(signal, what it told)`` in the order heard."""
    told: list[Any] = []
    with ExitStack() as stack:
        for name in names:
            signal = getattr(signals, name)

            receiver = _receiver(told, name, receive)
            signal.connect(receiver, sender=sender, weak=False)
            stack.callback(signal.disconnect, receiver, sender=sender)
        yield told


def _receiver(told, heard_as, receive):
    def hear(signal, **sent):
        told.append((heard_as, sent))
        if receive is not None:
            receive(**sent)

    return hear


def run(**options):
    return WorkerProcess(WorkerOptions(burst=True, **options)).run()


def test_a_job_is_told_of_from_its_making_to_its_success():
    # Given receivers of all that may happen to a job
    with heard("job_enqueued", "job_started", "job_succeeded", "job_failed") as told:
        # When one is enqueued and run
        row = jobs.give_back.enqueue(5)
        run()
    # Then each step is told once, in order, by the function, with the job
    assert [name for name, _ in told] == ["job_enqueued", "job_started", "job_succeeded"]
    assert {sent["sender"] for _, sent in told} == {jobs.give_back}
    assert {sent["job"].pk for _, sent in told} == {row.pk}
    assert told[-1][1]["duration"] >= 0
    # And what the signal did not bring is read when it is asked for
    assert (told[-1][1]["job"].state, told[-1][1]["job"].result) == (Job.State.SUCCEEDED, 5)


def test_failures_tell_their_fault_and_whether_another_attempt_follows():
    row = enqueue(jobs.flaky.job.with_args("flaky", 5).with_max_attempts(2))
    with heard("job_retrying", "job_failed") as told:
        run()
    (first, retrying), (second, failed) = told
    assert (first, second) == ("job_retrying", "job_failed")
    assert retrying["delay"] == 0
    assert retrying["fault"].message == failed["fault"].message == "flaky is not ready"
    assert retrying["fault"].fingerprint == failed["fault"].fingerprint != ""
    assert failed["job"].pk == row.pk


def test_a_receiver_may_listen_to_one_function_alone():
    with heard("job_succeeded", sender=jobs.nothing) as told:
        jobs.nothing.enqueue()
        jobs.give_back.enqueue(1)
        run()
    assert [sent["sender"] for _, sent in told] == [jobs.nothing]


def test_what_is_rolled_back_was_never_enqueued():
    with heard("job_enqueued") as told:
        with transaction.atomic():
            jobs.nothing.enqueue()
            assert told == []
            transaction.set_rollback(True)
        with transaction.atomic():
            jobs.nothing.enqueue()
            assert told == []
    assert len(told) == 1


def test_every_job_of_many_is_told_of_and_a_duplicate_is_not():
    with heard("job_enqueued") as told:
        enqueue_many(jobs.give_back.job.with_args(n) for n in range(60))
        enqueue(jobs.nothing.job.with_unique_key("one"))
        enqueue(jobs.nothing.job.with_unique_key("one"))
    assert len(told) == 61


def test_a_cancelled_job_is_told_of_by_whoever_cancels_it():
    row = jobs.nothing.enqueue()
    with heard("job_cancelled") as told:
        cancel(row)
        cancel(row)
        jobs.ask_to_cancel.enqueue("nobody wants it")
        run()
    assert [(sent["job"].name.rpartition(".")[2], sent["reason"]) for _, sent in told] == [
        ("nothing", ""),
        ("ask_to_cancel", "nobody wants it"),
    ]


def test_an_outcome_that_was_lost_is_not_told():
    with heard("job_succeeded", "job_cancelled") as told:
        jobs.cancel_itself_from_outside.enqueue()
        run()
    assert [name for name, _ in told] == ["job_cancelled"]


def test_a_receiver_that_raises_is_logged_and_stops_nothing(caplog):
    def fail(**sent):
        raise RuntimeError("I am broken")

    with heard("job_enqueued", "job_succeeded", "worker_started", receive=fail) as told:
        rows = [jobs.nothing.enqueue(), jobs.nothing.enqueue()]
        run()
    assert len(told) == 5
    assert Job.objects.succeeded().count() == len(rows)
    assert "I am broken" in caplog.text


def test_a_slow_receiver_holds_up_no_job():
    # Given a receiver that waits until all jobs are done
    is_done = threading.Event()

    def wait(**sent):
        assert is_done.wait(20)

    with heard("job_started", receive=wait) as told:
        enqueue_many(jobs.nothing.job for _ in range(30))
        # When a worker runs them
        worker = WorkerProcess(WorkerOptions(max_jobs=30))
        thread = threading.Thread(target=worker.run)
        thread.start()
        # Then they end, though nobody has heard of the second one
        Job.objects.latest("pk").wait(timeout=20)
        assert len(told) <= 1
        is_done.set()
        thread.join(20)
    assert len(told) == 30


def test_a_receiver_may_use_the_database_and_enqueue():
    def follow_up(job, **sent):
        jobs.give_back.enqueue(job.pk)

    with heard("job_succeeded", sender=jobs.nothing, receive=follow_up):
        row = jobs.nothing.enqueue()
        run()
    assert Job.objects.get(name__endswith="give_back").args == [row.pk]


def test_a_worker_is_told_of_when_it_starts_and_when_it_has_stopped():
    with heard("worker_started", "worker_stopped", sender=Worker) as told:
        run()
    (started, at_first), (stopped, at_last) = told
    assert (started, stopped) == ("worker_started", "worker_stopped")
    assert at_first["worker"] == at_last["worker"]
    assert ":" in at_first["name"]


def test_an_unknown_function_has_no_sender():
    row = Job.objects.create(name="shop.jobs.gone")
    with heard("job_cancelled") as told:
        cancel(row)
    assert told[0][1]["sender"] is None


def test_jobs_in_processes_are_told_of_too(test_database_for_children):
    enqueue(JobSpec(func="process.nothing"))
    enqueue(JobSpec(func="process.die", args=("SIGKILL",)))
    with heard("job_started", "job_succeeded", "job_retrying") as told:
        run()
    assert sorted(name for name, _ in told) == [
        "job_retrying", "job_started", "job_started", "job_succeeded",
    ]  # fmt: skip
