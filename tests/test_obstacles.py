"""What keeps a job that waits from being run."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_jobs import explain, pause_queue, registry
from django_jobs.definitions import define
from django_jobs.models import Queue, Worker
from django_jobs.reasons import Code
from tests import samples
from tests.rows import make_job, make_jobs

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_registry")]

LIMITED = "tests.limited"


def hire(**fields):
    return Worker.objects.create(**{"hostname": "web1", "pid": 1, "concurrency": 10, **fields})


def declare(**limits):
    """Make a function known that has limits, and return what its rows have in common."""
    definition = define(samples.undecorated, LIMITED, None, **limits)
    registry.register(definition)
    return {"name": LIMITED, "lane": LIMITED, "units": definition.units}


def told(job):
    """Return what is said of a job, by code."""
    return {str(one.code): one.text for one in explain(job).reasons}


class TestTheFunction:
    def test_one_that_this_code_does_not_know_is_named(self):
        hire()

        reasons = told(make_job(name="tests.samples.anythin"))

        assert set(reasons) == {"unknown_function"}
        assert "'tests.samples.anythin'" in reasons["unknown_function"]

    def test_arguments_that_fit_no_more_are_named(self):
        hire()

        reasons = told(make_job(name="tests.samples.send", kwargs={"order": 3}))

        assert set(reasons) == {"arguments_unfit"}
        assert "order_id" in reasons["arguments_unfit"]

    @pytest.mark.parametrize("wrong", [{"args": {}}, {"kwargs": [1]}])
    def test_arguments_that_only_sql_could_write_are_told_of(self, wrong):
        hire()

        assert set(told(make_job(**wrong))) == {"arguments_unfit"}


class TestTheQueue:
    def test_a_pause_is_told_with_its_end(self):
        hire()
        pause_queue("default")
        assert told(make_job())["queue_paused"].endswith("until somebody resumes it.")

        pause_queue("default", resume_at=timedelta(hours=1))
        assert " CE" in told(make_job())["queue_paused"].rpartition("until ")[2]

    def test_a_pause_that_is_over_is_no_obstacle(self):
        hire()
        past = timezone.now() - timedelta(seconds=1)
        Queue.objects.create(name="default", paused_at=past, resume_at=past)

        assert told(make_job()) == {}


class TestTheWorkers:
    def test_without_any_the_command_is_named(self):
        hire(heartbeat_at=timezone.now() - timedelta(minutes=5))

        assert "runjobs" in told(make_job())["no_worker"]

    def test_those_that_serve_other_queues_are_no_help_and_their_queues_are_listed(self):
        hire(queues=["mail", "reports"])

        reasons = told(make_job(queue="imports"))

        assert reasons == {
            "queue_unserved": "No worker serves the queue 'imports': there is 1 live worker, for "
            "mail, reports only."
        }

    def test_those_that_are_told_to_be_quiet_are_named(self):
        hire(orders="quiet")
        hire(queues=["mail"])

        assert told(make_job()) == {
            "workers_quiet": "The only worker that serves its queue is told to be quiet, or to "
            "stop."
        }

    def test_one_that_works_is_enough_beside_those_that_are_quiet(self):
        hire(orders="stop")
        hire()

        assert told(make_job()) == {}

    def test_busy_ones_are_counted(self):
        worker = hire(concurrency=1)
        hire(concurrency=3, queues=["mail"])
        make_job("running", worker_id=worker.pk)

        assert told(make_job()) == {
            "workers_busy": "The only worker that serves its queue is busy: 1 job for 1 place."
        }

    def test_one_with_a_free_place_is_enough(self):
        worker = hire(concurrency=1)
        hire(concurrency=3)
        make_job("running", worker_id=worker.pk)

        assert told(make_job()) == {}


class TestLimits:
    def test_max_running_names_who_holds_it(self):
        worker = hire()
        limited = declare(max_running=2)
        holders = [make_job("running", worker_id=worker.pk, **limited) for _ in range(2)]

        reasons = told(make_job(**limited))

        assert set(reasons) == {"limit_reached"}
        assert reasons["limit_reached"].endswith(f"#{holders[0].pk}, #{holders[1].pk}.")

    def test_many_holders_are_named_in_part(self):
        worker = hire()
        limited = declare(max_running=7)
        make_jobs(7, state="running", worker_id=worker.pk, **limited)

        assert told(make_job(**limited))["limit_reached"].endswith(" and 2 more.")

    def test_a_row_from_before_the_limit_is_told_all_the_same(self):
        worker = hire()
        limited = declare(max_running=1)
        make_job("running", worker_id=worker.pk, **limited)

        assert set(told(make_job(name=LIMITED))) == {"limit_reached"}

    def test_below_the_limit_there_is_no_obstacle(self):
        worker = hire()
        limited = declare(max_running=2, max_running_per_host=2)
        make_job("running", worker_id=worker.pk, **limited)

        assert told(make_job(**limited)) == {}

    def test_the_limit_of_a_host_bars_only_where_every_host_has_reached_it(self):
        first, second = hire(), hire(hostname="web2")
        limited = declare(max_running_per_host=1)
        make_job("running", worker_id=first.pk, **limited)
        job = make_job(**limited)
        assert told(job) == {}

        make_job("running", worker_id=second.pk, **limited)
        assert set(told(job)) == {"host_limit_reached"}


class TestUnits:
    def test_more_than_any_host_has_can_never_run(self):
        hire(units=8)
        hire(units=100, queues=["mail"])

        reasons = told(make_job(**declare(units=9)))

        assert set(reasons) == {"units_exceeded"}
        assert "takes 9 units and the largest host has 8" in reasons["units_exceeded"]

    def test_too_few_that_are_free_are_told(self):
        one, other = hire(units=8), hire(units=8, hostname="web2")
        limited = declare(units=4)
        for worker, units in ((one, 5), (other, 6)):
            make_job("running", worker_id=worker.pk, units=units)

        assert told(make_job(**limited)) == {
            "units_taken": "It takes 4 units, and on no host are more than 3 free."
        }

    def test_what_other_workers_of_the_host_hold_counts(self):
        one, neighbour = hire(units=8), hire(units=8, queues=["mail"])
        make_job("running", worker_id=neighbour.pk, units=8)

        assert set(told(make_job(**declare(units=1)))) == {"units_taken"}
        assert one.hostname == neighbour.hostname


def test_what_lasts_bars_a_scheduled_job_too_and_what_passes_does_not():
    worker = hire(queues=["mail"], concurrency=1)
    make_job("running", worker_id=worker.pk)
    at = timezone.now() + timedelta(days=1)

    unserved = make_job("scheduled", scheduled_at=at)
    served = make_job("scheduled", scheduled_at=at, queue="mail")

    assert set(told(unserved)) == {Code.NOT_DUE, Code.QUEUE_UNSERVED}
    assert set(told(served)) == {Code.NOT_DUE}


def test_an_explanation_asks_few_questions(django_assert_max_num_queries):
    for pid in range(20):
        worker = hire(pid=pid, concurrency=1)
        make_job("running", worker_id=worker.pk)
    job = make_job(**declare(units=2, max_running=1))

    with django_assert_max_num_queries(6):
        explain(job)
