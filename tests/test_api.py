"""What a view, a signal or a shell calls."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db import transaction

import django_jobs
from django_jobs import (
    JobSpec,
    acancel,
    aenqueue,
    aenqueue_many,
    aexpedite,
    apause_queue,
    areprioritize,
    aresume_queue,
    aretry,
    cancel,
    enqueue,
    enqueue_many,
    expedite,
    job,
    pause_queue,
    reprioritize,
    resume_queue,
    retry,
)
from django_jobs.encoding import decode
from django_jobs.exceptions import (
    InvalidOption,
    JobsError,
    NotStorable,
    UnknownJob,
    UnknownQueue,
)
from django_jobs.models import Job, Queue
from django_jobs.states import State
from tests import samples
from tests.rows import claim, make_job, make_jobs, row_of, state_of
from tests.threads import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_registry")]

spec = samples.anything.job


class TestEnqueueing:
    @pytest.mark.parametrize(
        "what",
        [
            spec,
            samples.anything,
            samples.undecorated,
            JobSpec("tests.samples.anything"),
            JobSpec.from_func(samples.anything),
        ],
    )
    def test_a_spec_or_a_function_becomes_one_ready_job(self, what, settings):
        settings.DJANGO_JOBS = {"JOB_MODULES": ["tests.samples"]}

        job = enqueue(what)

        assert (job.created, job.state) == (True, State.READY)
        assert Job.objects.get().pk == job.pk

    def test_one_spec_enqueued_twice_makes_two_jobs(self):
        assert enqueue(spec).pk != enqueue(spec).pk

    def test_arguments_arrive_as_they_were(self):
        user = User.objects.create(username="ada")
        kwargs = {
            "by": user,
            "on": datetime(2026, 1, 1, tzinfo=UTC),
            "for": (timedelta(1), [b := 5]),
        }

        enqueue(spec.with_args(user, b).with_kwargs(kwargs))
        [claimed] = claim()

        assert decode(claimed.args) == [user, b]
        assert decode(claimed.kwargs) == kwargs

    def test_many_come_back_in_the_order_given(self):
        jobs = enqueue_many(spec.with_args(n) for n in range(120))

        assert [job.args for job in jobs] == [[n] for n in range(120)]
        assert Job.objects.count() == 120

    def test_many_may_be_of_many_kinds(self):
        jobs = enqueue_many([spec, samples.coroutine, samples.send.job.with_args(1)])

        assert [job.queue for job in jobs] == ["default", "default", "mail"]

    def test_a_duplicate_is_no_error(self):
        first, second = (enqueue(samples.once_per_order.job.with_args(3)) for _ in range(2))

        assert (first.created, second.created) == (True, False)
        assert second.pk == first.pk

    def test_a_delay_is_counted_by_the_clock_of_the_database(self):
        job = enqueue(spec.with_scheduled_at(timedelta(minutes=5)))

        row = Job.objects.get(pk=job.pk)
        assert row.scheduled_at - row.enqueued_at == timedelta(minutes=5)
        assert row.state == State.SCHEDULED

    @pytest.mark.parametrize("number", [1, 60])
    def test_one_wrong_spec_means_none_is_made(self, number):
        with pytest.raises(NotStorable):
            enqueue_many([spec] * number + [spec.with_args(b"x")])

        assert not Job.objects.exists()


class TestRefusals:
    @pytest.mark.parametrize("what", [5, "tests.samples.anything", None, {}])
    def test_what_is_no_job(self, what):
        with pytest.raises(InvalidOption, match="Only a JobSpec or a job function"):
            enqueue(what)

    def test_what_no_worker_could_import(self):
        with pytest.raises(InvalidOption, match="cannot be a job"):
            enqueue(lambda: None)

    def test_a_plain_function_of_a_module_that_workers_may_not_import(self):
        with pytest.raises(UnknownJob, match="JOB_MODULES"):
            enqueue(samples.undecorated)

    def test_an_unknown_name(self):
        with pytest.raises(UnknownJob, match=r"no.such.job"):
            enqueue(JobSpec("no.such.job"))

    def test_arguments_that_the_function_does_not_take(self):
        with pytest.raises(TypeError, match="unexpected keyword argument 'oder_id'"):
            enqueue(samples.send.job.with_kwargs(order_id=1, oder_id=2))

    def test_a_queue_that_is_not_declared_when_queues_are_strict(self, settings):
        settings.DJANGO_JOBS = {"STRICT_QUEUES": True, "QUEUES": ["default", "mails"]}

        with pytest.raises(UnknownQueue, match=r"'mail' is not declared. Did you mean 'mails'"):
            enqueue(samples.send.job.with_args(1))
        assert enqueue(spec).queue == "default"

    def test_any_queue_will_do_when_they_are_not(self):
        assert enqueue(spec.with_queue("brand-new")).queue == "brand-new"

    def test_every_refusal_is_an_error_of_this_project(self):
        for error in (InvalidOption, UnknownJob, UnknownQueue, NotStorable):
            assert issubclass(error, JobsError)


class TestTransactions:
    @pytest.mark.parametrize("many", [1, 100])
    def test_what_is_rolled_back_was_never_enqueued(self, many, transactional_db):
        with transaction.atomic():
            enqueue_many([spec] * many)
            samples.once_per_order.enqueue(3)
            transaction.set_rollback(True)

        assert not Job.objects.exists()

    def test_a_rolled_back_savepoint_takes_only_its_own(self, transactional_db):
        with transaction.atomic():
            kept = enqueue(spec)
            with transaction.atomic():
                enqueue(spec)
                transaction.set_rollback(True)

        assert [job.pk for job in Job.objects.all()] == [kept.pk]

    def test_a_refused_job_does_not_spoil_the_transaction(self):
        with pytest.raises(NotStorable):
            enqueue(spec.with_args(b"x"))

        assert enqueue(spec).pk

    def test_a_unique_key_refused_by_nobody_is_free_after_a_rollback(self, transactional_db):
        with transaction.atomic():
            enqueue(spec.with_unique_key("k"))
            transaction.set_rollback(True)

        assert enqueue(spec.with_unique_key("k")).created


class TestCrowds:
    def test_fifty_threads_enqueue_one_unique_key(self, transactional_db):
        jobs = at_once(*[partial(samples.once_per_order.enqueue, 3)] * 50)

        [row] = Job.objects.all()
        assert {job.pk for job in jobs} == {row.pk}
        assert [job.created for job in jobs].count(True) == 1

    def test_crossing_bulks_of_unique_keys(self, transactional_db):
        specs = [samples.once_per_order.job.with_args(n) for n in range(200)]

        results = at_once(*(partial(enqueue_many, order) for order in (specs, specs[::-1]) * 3))

        assert Job.objects.count() == 200
        assert sum(job.created for jobs in results for job in jobs) == 200


class TestSteering:
    @pytest.mark.parametrize("form", [lambda jobs: jobs, lambda jobs: [j.pk for j in jobs], iter])
    def test_jobs_are_given_in_any_form(self, form):
        jobs = make_jobs(2)

        assert cancel(form(jobs)) == 2
        assert retry(form(jobs)) == 2
        assert {state_of(job) for job in jobs} == {State.READY}

    def test_one_job_or_its_number_will_do(self):
        first, second = make_jobs(2)

        assert [cancel(first), cancel(second.pk), cancel([])] == [1, 1, 0]

    def test_a_queryset_will_do(self):
        make_jobs(3, queue="mail")

        assert cancel(Job.objects.on("mail")) == 3
        assert retry(Job.objects.cancelled().order_by("-enqueued_at")) == 3

    @pytest.mark.parametrize("jobs", ["12", ["x"], 1.5, None, [None]])
    def test_anything_else_is_refused(self, jobs):
        with pytest.raises((InvalidOption, TypeError), match="job"):
            cancel(jobs)

    def test_what_does_not_exist_is_not_cancelled(self):
        assert cancel(10**15) == 0

    def test_cancelling_joins_the_callers_transaction(self, transactional_db):
        job = make_job()

        with transaction.atomic():
            cancel(job)
            transaction.set_rollback(True)

        assert state_of(job) == State.READY

    def test_a_cancelled_job_is_kept_as_long_as_the_settings_say(self, settings):
        settings.DJANGO_JOBS = {"RETENTION": {"cancelled": timedelta(hours=3)}}
        job = make_job()

        cancel(job)

        row = row_of(job)
        assert row["prune_at"] - row["finished_at"] == timedelta(hours=3)


class TestSteeringWhatWaits:
    def test_what_is_scheduled_runs_now(self):
        job = enqueue(spec.with_scheduled_at(timedelta(days=1)))

        assert [expedite(job), expedite(Job.objects.all())] == [1, 0]
        assert [claimed.id for claimed in claim()] == [job.pk]

    def test_another_priority_is_another_order(self):
        first, second = make_jobs(2)

        assert reprioritize(second, 5) == 1
        assert [claimed.id for claimed in claim()] == [second.pk, first.pk]

    @pytest.mark.parametrize("priority", ["5", None, True, 2**31])
    def test_a_priority_that_is_none_is_refused(self, priority):
        with pytest.raises(InvalidOption, match="priority must be an integer"):
            reprioritize([make_job()], priority)

    def test_jobs_of_an_ordered_function_keep_theirs(self):
        def in_order(number: int = 0) -> int:
            return number

        in_order.__qualname__ = "in_order"
        row = enqueue(job(ordered=True, name="tests.in_order")(in_order))

        assert reprioritize(row, 5) == 0
        assert row_of(row)["priority"] == 0


class TestQueues:
    def test_a_paused_queue_rests_until_it_is_resumed(self):
        make_job(queue="mail")
        pause_queue("mail")

        assert claim() == []
        assert resume_queue("mail") is True
        assert len(claim()) == 1

    @pytest.mark.parametrize("name", ["", "x" * 256, "a\x00", None])
    def test_a_queue_that_cannot_exist_is_refused(self, name):
        with pytest.raises(InvalidOption, match="must be"):
            pause_queue(name)

    @pytest.mark.parametrize(
        "end",
        [datetime(2030, 1, 1), timedelta(seconds=-1), "tomorrow"],  # noqa: DTZ001
    )
    def test_an_end_that_makes_no_sense_is_refused(self, end):
        with pytest.raises(InvalidOption, match="resume_at must"):
            pause_queue("mail", resume_at=end)
        assert not Queue.objects.exists()


class TestTwins:
    def test_every_verb_has_its_twin(self):
        verbs = [
            "enqueue", "enqueue_many", "cancel", "retry", "expedite", "reprioritize",
            "pause_queue", "resume_queue",
        ]  # fmt: skip

        assert all(hasattr(django_jobs, f"a{verb}") for verb in verbs)

    def test_coroutines_do_the_same(self, transactional_db):
        async def all_of_them():
            one = await aenqueue(spec)
            many = await aenqueue_many([spec, spec])
            counts = [await acancel(one), await aretry([one]), await acancel(many[0])]
            counts += [await aexpedite(one), await areprioritize([one], 9)]
            await apause_queue("mail")
            return counts, await aresume_queue("mail")

        assert async_to_sync(all_of_them)() == ([1, 1, 1, 0, 1], True)
        assert Job.objects.ready().count() == 2


class TestThePackage:
    def test_all_public_names_can_be_imported(self):
        assert {name for name in django_jobs.__all__ if not hasattr(django_jobs, name)} == set()

    def test_other_names_are_missing_in_the_usual_way(self):
        with pytest.raises(AttributeError, match="has no attribute 'enqeue'"):
            django_jobs.enqeue  # noqa: B018

    def test_enqueueing_says_nothing(self, caplog):
        with caplog.at_level(logging.DEBUG, "django_jobs"):
            enqueue(spec)

        assert caplog.records == []
