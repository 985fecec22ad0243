"""enqueue: nothing → scheduled or ready."""

from __future__ import annotations

import threading
from datetime import timedelta
from functools import partial

import pytest
from django.db import transaction
from django.utils import timezone

from django_jobs import engine
from django_jobs.engine.enqueue import COPY_FROM, KEYED_BATCH
from django_jobs.exceptions import NotStorable, UniqueKeyContended
from django_jobs.models import Job, Queue
from django_jobs.states import FINISHED, LIVE, State
from tests.rows import claim, ended, finish, make_job, new_job, row_of, sql
from tests.threads import DEADLINE, at_once


def enqueue(*new):
    return engine.enqueue(new, using="default")


def keyed(key, **fields):
    return new_job(unique_key=key, **fields)


@pytest.mark.django_db
class TestRows:
    def test_a_job_gets_the_values_given_and_the_defaults_of_the_database(self):
        [job] = enqueue(new_job(queue="mail", args=(1,), kwargs={"a": 2}, priority=7))

        row = row_of(job)
        assert (row["queue"], row["args"], row["kwargs"]) == ("mail", [1], {"a": 2})
        assert (row["priority"], row["state"], row["attempts"]) == (7, State.READY, 0)
        assert (row["max_attempts"], row["claims"], row["errors"]) == (1, 0, [])

    @pytest.mark.parametrize("count", [1, 2, COPY_FROM - 1, COPY_FROM, 3 * COPY_FROM])
    def test_the_returned_instances_equal_their_rows(self, count):
        jobs = enqueue(*(new_job(args=(i,), kwargs={"b": i}, meta={"a": 1}) for i in range(count)))

        assert len(jobs) == count == Job.objects.count()
        fields = [field.attname for field in Job._meta.concrete_fields]
        for position, (job, row) in enumerate(zip(jobs, Job.objects.order_by("id"), strict=True)):
            assert [getattr(job, f) for f in fields] == [getattr(row, f) for f in fields]
            assert job.args == [position]
            assert job.created

    def test_nothing_is_enqueued_without_jobs(self):
        assert list(enqueue()) == []

    def test_many_jobs_may_give_different_columns(self):
        mixed = [
            new_job(),
            new_job(priority=3, timeout=timedelta(seconds=5)),
            new_job(scheduled_at=timedelta(hours=1)),
            new_job(queue="mail", max_attempts=4, meta={"a": 1}),
        ]

        jobs = enqueue(*mixed)
        copied = enqueue(*mixed * COPY_FROM)

        names = ("queue", "priority", "state", "max_attempts", "timeout", "meta")
        few = [tuple(getattr(job, name) for name in names) for job in jobs]
        many = [tuple(getattr(job, name) for name in names) for job in copied]
        assert many == few * COPY_FROM
        assert few[2][2] == State.SCHEDULED

    @pytest.mark.parametrize("count", [1, COPY_FROM])
    def test_a_moment_that_has_passed_makes_the_job_ready(self, count):
        past = timezone.now() - timedelta(seconds=1)

        jobs = enqueue(*[new_job(scheduled_at=past)] * count)

        assert {job.state for job in jobs} == {State.READY}
        assert row_of(jobs[0])["scheduled_at"] == past

    @pytest.mark.parametrize("is_moment", [False, True])
    @pytest.mark.parametrize("count", [1, COPY_FROM])
    def test_a_moment_to_come_makes_the_job_scheduled(self, count, is_moment):
        # Told here: tests are collected long before the last of them runs
        due = timezone.now() + timedelta(hours=1) if is_moment else timedelta(hours=1)
        jobs = enqueue(*[new_job(scheduled_at=due)] * count)

        assert {job.state for job in jobs} == {State.SCHEDULED}
        left = row_of(jobs[0])["scheduled_at"] - timezone.now()
        assert timedelta(minutes=59) < left < timedelta(minutes=61)

    def test_many_rows_can_be_sliced_and_walked_again(self):
        jobs = enqueue(*[new_job(args=(i,)) for i in range(COPY_FROM)])

        assert [job.args for job in jobs[2:4]] == [[2], [3]]
        assert [job.pk for job in jobs] == [job.pk for job in jobs]
        assert jobs[-1].args == [COPY_FROM - 1]
        assert repr(jobs[2:4]) == "<2 jobs>"

    def test_ids_ascend_in_the_order_given(self):
        jobs = enqueue(*(keyed(f"key-{9 - i % 10}-{i}") for i in range(20)), new_job())

        ids = [job.pk for job in jobs]
        assert ids == sorted(ids)


@pytest.mark.django_db
class TestUniqueKeys:
    @pytest.mark.parametrize("state", sorted(LIVE))
    def test_a_live_job_keeps_its_key_and_comes_back_untouched(self, state):
        holder = make_job(state, unique_key="k")
        before = row_of(holder)

        [job] = enqueue(keyed("k", args=(1,), queue="other"))

        assert (job.pk, job.created, job.state, job.args) == (holder.pk, False, state, [])
        assert row_of(holder) == before
        assert Job.objects.count() == 1

    @pytest.mark.parametrize("state", sorted(FINISHED))
    def test_a_finished_job_has_let_go_of_its_key(self, state):
        make_job(state, unique_key="k")
        make_job(state, unique_key="k")

        [job] = enqueue(keyed("k"))

        assert job.created
        assert Job.objects.filter(unique_key="k").count() == 3

    def test_a_key_is_global_over_all_queues(self):
        [first] = enqueue(keyed("k", queue="a"))
        [second] = enqueue(keyed("k", queue="b"))

        assert second.pk == first.pk
        assert second.queue == "a"

    def test_of_several_jobs_with_one_key_the_first_is_made(self):
        jobs = enqueue(keyed("k", args=(1,)), new_job(), keyed("k", args=(2,)), keyed("j"))

        assert [job.created for job in jobs] == [True, True, False, True]
        assert jobs[2].pk == jobs[0].pk
        assert jobs[2].args == [1]
        assert Job.objects.count() == 3

    def test_more_keys_than_one_statement_takes(self):
        holder = make_job(unique_key="key-5")
        count = KEYED_BATCH + 10

        jobs = enqueue(*(keyed(f"key-{i}") for i in range(count)))

        assert [i for i, job in enumerate(jobs) if not job.created] == [5]
        assert jobs[5].pk == holder.pk
        assert Job.objects.count() == count

    @pytest.mark.parametrize("keys", [["k"], ["a", "k", "z"]])
    def test_a_key_that_changes_hands_again_and_again_is_given_up(self, keys):
        # Given somebody who takes the key before each insert of ours, and frees it before each look
        sql("""
            CREATE FUNCTION pg_temp.be_faster() RETURNS trigger LANGUAGE plpgsql
                AS 'BEGIN RETURN NULL; END';
            CREATE TRIGGER be_faster BEFORE INSERT ON django_jobs_job
                FOR EACH ROW WHEN (new.unique_key = 'k') EXECUTE FUNCTION pg_temp.be_faster()
        """)
        # When jobs are enqueued, then it is told which key it is, and none of them is made
        with pytest.raises(UniqueKeyContended, match="'k' was taken and freed 20 times"):
            enqueue(*map(keyed, keys))
        assert not Job.objects.exists()


@pytest.mark.django_db(transaction=True)
class TestCrowds:
    def test_fifty_threads_with_one_key_make_one_job_and_all_get_it(self):
        jobs = at_once(*[lambda: enqueue(keyed("k"))[0]] * 50)

        [row] = Job.objects.all()
        assert {job.pk for job in jobs} == {row.pk}
        assert sum(job.created for job in jobs) == 1

    def test_enqueueing_while_the_holder_ends_makes_one_job_after_the_other(self):
        stop = threading.Event()
        over: list[int] = []

        def work():
            while not stop.is_set():
                for job in claim():
                    over.append(job.id)
                    assert finish(ended(job)) == set()

        def ask():
            try:
                return [enqueue(keyed("k"))[0] for _ in range(25)]
            finally:
                asked.release()

        def tell():
            for _ in range(8):
                assert asked.acquire(timeout=DEADLINE)
            stop.set()

        asked = threading.Semaphore(0)
        results = at_once(work, tell, *[ask] * 8)

        jobs = [job for mine in results[2:] for job in mine]
        made = [job.pk for job in jobs if job.created]
        assert len(made) == len(set(made)) == Job.objects.count()
        assert {job.pk for job in jobs} == set(made)
        assert Job.objects.filter(state__in=LIVE).count() <= 1
        assert sorted(over) == sorted(set(over))

    def test_bulks_with_crossing_keys_neither_deadlock_nor_double(self):
        keys = [f"key-{i}" for i in range(300)]
        orders = [keys, keys[::-1], keys[150:] + keys[:150], keys[::2] + keys[1::2]]

        results = at_once(*(partial(enqueue, *map(keyed, order)) for order in orders))

        assert Job.objects.count() == len(keys)
        ids = dict(Job.objects.values_list("unique_key", "pk"))
        for order, jobs in zip(orders, results, strict=True):
            assert [job.pk for job in jobs] == [ids[key] for key in order]
        assert sum(job.created for jobs in results for job in jobs) == len(keys)

    def test_who_waits_for_a_transaction_that_is_rolled_back_gets_the_key(self):
        inserted, waiting = threading.Event(), threading.Event()

        def roll_back():
            with transaction.atomic():
                enqueue(keyed("k"))
                inserted.set()
                assert waiting.wait(DEADLINE)
                transaction.set_rollback(True)

        def want():
            assert inserted.wait(DEADLINE)
            waiting.set()
            return enqueue(keyed("k"))[0]

        _, job = at_once(roll_back, want)

        assert job.created
        assert Job.objects.get().pk == job.pk


@pytest.mark.django_db(transaction=True)
class TestTransactions:
    @pytest.mark.parametrize("count", [1, 2, COPY_FROM])
    @pytest.mark.parametrize("key", [None, "k"])
    def test_a_rolled_back_transaction_leaves_nothing(self, count, key):
        with transaction.atomic():
            enqueue(*[new_job(queue="rolled-back", unique_key=key)] * count)
            transaction.set_rollback(True)

        assert not Job.objects.exists()
        assert not Queue.objects.filter(name="rolled-back").exists()

    def test_others_see_the_job_at_the_commit_and_not_before(self):
        with transaction.atomic():
            enqueue(new_job())
            assert at_once(Job.objects.count) == [0]

        assert at_once(Job.objects.count) == [1]

    @pytest.mark.parametrize("count", [1, COPY_FROM])
    @pytest.mark.parametrize("key", [None, "k"])
    def test_all_or_none_of_many_are_made(self, count, key):
        many = [new_job(unique_key=key)] * count

        with pytest.raises(NotStorable):
            enqueue(*many, new_job(args=(b"bytes",)))

        assert not Job.objects.exists()

    @pytest.mark.parametrize("count", [1, COPY_FROM])
    def test_a_refused_job_leaves_the_callers_transaction_usable(self, count):
        with transaction.atomic():
            kept = enqueue(new_job())
            with pytest.raises(NotStorable):
                enqueue(*[new_job()] * count, new_job(args=(b"bytes",)))

        assert [job.pk for job in Job.objects.all()] == [job.pk for job in kept]

    def test_a_new_queue_gets_its_row_with_the_first_commit(self):
        with transaction.atomic():
            enqueue(new_job(queue="brand-new"))

        assert Queue.objects.filter(name="brand-new").exists()
