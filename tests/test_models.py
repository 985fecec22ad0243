"""The rows: what the database itself fills in, allows and refuses."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.db import IntegrityError, transaction
from django.template import Context, Template
from django.utils import timezone

from django_jobs.exceptions import InvalidOption, JobGone, WaitInTransaction, WaitTimeout
from django_jobs.models import Edge, Job, Link, Period, Queue, RateLevel, Step, Worker
from django_jobs.states import FINISHED, LIVE, State
from tests.rows import claim, ended, finish, make_job, sql, state_of
from tests.threads import DEADLINE, at_once

pytestmark = pytest.mark.django_db

WAITING = sorted(LIVE - {State.RUNNING})


def refused(constraint):
    return pytest.raises(IntegrityError, match=f"django_jobs_{constraint}")


class TestRawSQL:
    def test_a_job_needs_nothing_but_its_name(self):
        sql("INSERT INTO django_jobs_job (name) VALUES ('tests.samples.anything')")

        job = Job.objects.get()
        assert (job.queue, job.state, job.priority) == ("default", State.READY, 0)
        assert (job.args, job.kwargs, job.meta, job.errors) == ([], {}, {}, [])
        assert (job.attempts, job.max_attempts, job.claims, job.units) == (0, 1, 0, 1)
        assert abs(timezone.now() - job.enqueued_at) < timedelta(minutes=1)
        assert job.scheduled_at == job.enqueued_at

    def test_such_a_job_can_be_claimed_and_finished(self):
        sql("INSERT INTO django_jobs_job (name) VALUES ('tests.samples.anything')")

        [job] = claim()

        assert finish(ended(job)) == set()
        assert state_of(job) == State.SUCCEEDED

    def test_a_worker_and_a_queue_need_little(self):
        sql("INSERT INTO django_jobs_worker (hostname, pid) VALUES ('here', 1)")
        sql("INSERT INTO django_jobs_queue (name) VALUES ('mail')")

        assert Worker.objects.get().queues == []
        assert Queue.objects.get().paused_at is None


class TestConstraints:
    def test_an_unknown_state_is_refused(self):
        with refused("job_(state|finished_has_time)"):
            sql("INSERT INTO django_jobs_job (name, state) VALUES ('x', 'resting')")

    def test_a_running_job_has_a_worker(self):
        with refused("job_running_has_worker"):
            make_job(State.RUNNING, worker_id=None)

    @pytest.mark.parametrize("state", WAITING)
    def test_a_waiting_job_has_none(self, state):
        with refused("job_waiting_has_no_worker"):
            make_job(state, worker_id=1)

    @pytest.mark.parametrize("state", sorted(FINISHED))
    def test_a_finished_job_has_a_time(self, state):
        with refused("job_finished_has_time"):
            make_job(state, finished_at=None)

    @pytest.mark.parametrize("state", sorted(LIVE))
    def test_a_live_job_has_none(self, state):
        with refused("job_finished_has_time"):
            make_job(state, finished_at=timezone.now())

    @pytest.mark.parametrize("numbers", [{"attempts": -1}, {"max_attempts": 0}])
    def test_absurd_numbers_of_attempts_are_refused(self, numbers):
        with refused("job_attempts"):
            make_job(**numbers)

    @pytest.mark.parametrize("second", sorted(LIVE))
    @pytest.mark.parametrize("first", sorted(LIVE))
    def test_two_live_jobs_cannot_hold_one_key(self, first, second):
        make_job(first, unique_key="k")

        with refused("job_unique_key"):
            make_job(second, unique_key="k")

    def test_any_number_of_finished_jobs_may_share_a_key(self):
        for state in [*FINISHED] * 2:
            make_job(state, unique_key="k")

        assert make_job(unique_key="k").pk

    def test_any_number_of_jobs_may_have_no_key(self):
        assert make_job().pk != make_job().pk

    def test_a_queue_that_resumes_is_paused(self):
        with refused("queue_resume_needs_pause"):
            Queue.objects.create(name="mail", resume_at=timezone.now())

    @pytest.mark.parametrize("state", sorted(State))
    def test_every_state_has_rows_that_are_allowed(self, state):
        assert make_job(state).pk

    def test_workers_go_and_their_jobs_stay(self, worker):
        job = make_job(State.RUNNING, worker_id=worker)

        Worker.objects.all().delete()

        job.refresh_from_db()
        assert job.worker_id == worker


class TestQuerysets:
    @pytest.mark.parametrize(
        "scope", ["scheduled", "ready", "running", "succeeded", "failed", "cancelled"]
    )
    def test_a_scope_holds_the_jobs_of_its_state(self, scope):
        jobs = {state: make_job(state) for state in State}

        assert list(getattr(Job.objects, scope)()) == [jobs[State(scope)]]

    def test_scopes_can_be_joined(self):
        make_job(queue="a")
        wanted = [make_job(queue="b"), make_job(queue="c")]
        make_job(State.FAILED, queue="b")

        assert list(Job.objects.on("b", "c").ready().order_by("pk")) == wanted

    def test_the_dead_letters_of_a_queue_are_retried_at_once(self):
        for queue in "aab":
            make_job(State.FAILED, queue=queue)

        assert Job.objects.failed().on("a").retry() == 2
        assert Job.objects.on("b").get().state == State.FAILED

    def test_what_waits_is_cancelled_at_once(self):
        make_job(), make_job(State.SCHEDULED), make_job(State.SUCCEEDED)

        assert Job.objects.all().cancel() == 2
        assert Job.objects.cancelled().count() == 2

    def test_a_slice_can_be_retried_and_cancelled(self):
        for _ in range(5):
            make_job(State.FAILED)

        assert Job.objects.order_by("pk")[:2].retry() == 2
        assert Job.objects.order_by("-pk")[:2].cancel() == 0
        assert Job.objects.ready()[:1].cancel() == 1

    def test_templates_cannot_call_the_verbs(self):
        template = Template("{{ jobs.cancel }}{{ jobs.retry }}")
        job, dead = make_job(), make_job(State.FAILED)

        template.render(Context({"jobs": Job.objects.all()}))

        assert [state_of(job), state_of(dead)] == [State.READY, State.FAILED]


class TestInstances:
    def test_a_job_is_told_by_its_name_and_number(self):
        job = make_job()

        assert str(job) == f"tests.samples.anything #{job.pk}"

    @pytest.mark.parametrize(
        ("row", "told"),
        [
            (Step(name="load"), "load"),
            (Edge(before_id=1, after_id=2), "1 → 2"),
            (Link(waiting_id=2, awaited_id=1), "#2 waits for #1"),
            (Period(queue="mail", begins_at="today"), "mail today"),
            (RateLevel(name="queue mail"), "queue mail"),
        ],
        ids=lambda row: type(row).__name__,
    )
    def test_other_rows_are_told_by_what_they_are_about(self, row, told):
        assert str(row) == told

    def test_a_job_knows_whether_it_has_ended_and_how_long_it_took(self):
        now = timezone.now()
        over = make_job(State.FAILED, started_at=now, finished_at=now + timedelta(seconds=2))

        assert (over.is_finished, over.duration) == (True, timedelta(seconds=2))
        assert (make_job().is_finished, make_job().duration) == (False, None)


class TestWaiting:
    def test_a_job_that_has_ended_is_returned_refreshed(self):
        job = make_job()
        [claimed] = claim()
        finish(ended(claimed))

        assert job.wait(timeout=0) is job
        assert job.state == State.SUCCEEDED

    def test_a_job_ends_while_it_is_waited_for(self, transactional_db):
        job = make_job()
        looked = threading.Event()

        def work():
            assert looked.wait(DEADLINE)
            return finish(*map(ended, claim()))

        def wait():
            looked.set()
            return Job.objects.get(pk=job.pk).wait(timeout=DEADLINE).state

        assert at_once(wait, work) == [State.SUCCEEDED, set()]

    @pytest.mark.parametrize("timeout", [0, 0.02, timedelta(milliseconds=20)])
    def test_patience_has_an_end(self, timeout, transactional_db):
        with pytest.raises(WaitTimeout, match="was still ready"):
            make_job().wait(timeout)

    def test_a_row_that_was_pruned_is_gone(self, transactional_db):
        job = make_job()
        Job.objects.all().delete()

        with pytest.raises(JobGone, match="has ended and its row was deleted"):
            Job(pk=job.pk or 1, name="x").wait(timeout=0)

    def test_waiting_in_a_transaction_would_never_end(self, transactional_db):
        with transaction.atomic(), pytest.raises(WaitInTransaction, match="leave the atomic block"):
            make_job().wait()

    def test_a_negative_timeout_is_refused(self):
        with pytest.raises(InvalidOption, match="timeout must be"):
            make_job().wait(timeout=-1)

    def test_a_coroutine_can_wait(self, transactional_db):
        job = make_job()
        finish(*map(ended, claim()))

        assert async_to_sync(job.await_)(timeout=0).state == State.SUCCEEDED
