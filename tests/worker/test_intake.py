"""What a worker takes from the queue, and how much of it."""

from __future__ import annotations

import pytest

from django_jobs import registry
from django_jobs.definitions import define
from django_jobs.models import Job, Queue
from django_jobs.orders import WorkerOptions
from django_jobs.outcomes import Finished, Succeeded
from django_jobs.worker.budget import Budget
from django_jobs.worker.intake import Intake
from tests.rows import make_jobs

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_other_limits")]

OWN, LIMITED, HEAVY = (
    "tests.worker.test_intake.own",
    "tests.worker.test_intake.limited",
    "tests.worker.test_intake.heavy",
)


class Bench:
    """Where jobs lie that nobody runs."""

    def __init__(self):
        self.owned = {}

    def owned_in(self, kind):
        return sum(job.name == OWN for job in self.owned.values()) if kind == "process" else 0

    def submit(self, jobs):
        self.owned.update((job.id, job) for job in jobs)

    def names(self):
        return sorted(job.name for job in self.owned.values())


@pytest.fixture
def no_other_limits(monkeypatch):
    monkeypatch.setattr(registry, "_definitions", {})


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def intake(worker, bench, settings):
    """Return a function that makes an intake for ten places, and two in child processes."""
    settings.DJANGO_JOBS = {"JOB_PROCESSES": 2, "POLL_INTERVAL": 3600}

    def make(budget=None, **given):
        return Intake(
            worker,
            WorkerOptions(**given),
            10,
            bench,
            Budget.of(budget),
            may_claim=lambda: True,
        )

    return make


def declare(function, **declared):
    name = f"tests.worker.test_intake.{function.__name__}"
    executor = declared.pop("executor", None)
    registry.register(define(function, name, executor, **declared))


def test_it_takes_what_it_has_places_for(intake, bench):
    make_jobs(30)

    assert intake().claim() == 10
    assert not Job.objects.running().filter(started_at=None).exists()


def test_places_of_their_own_are_filled_beside_the_others(intake, bench):
    # Given jobs for child processes, and jobs for threads
    declare(own, executor="process")
    make_jobs(30, name=OWN, lane=OWN)
    make_jobs(30)
    # When there is room for both
    claims = intake()
    assert claims.claim() == 12
    # Then each kind has its own, and no more
    assert bench.names().count(OWN) == 2
    assert claims.claim() == 0


def test_full_places_of_one_kind_stop_no_other(intake, bench):
    declare(own, executor="process")
    make_jobs(30, name=OWN, lane=OWN)
    claims = intake()
    claims.claim()
    make_jobs(30)

    assert claims.claim() == 10


def test_each_kind_learns_for_itself_how_long_its_jobs_take(intake, bench):
    # Given jobs that take no time in child processes, and all the time in threads
    declare(own, executor="process")
    make_jobs(60, name=OWN, lane=OWN)
    make_jobs(60)
    claims = intake()
    claims.claim()
    jobs = list(bench.owned.values())
    bench.owned.clear()
    # When they have ended
    claims.learn(
        [Finished(job, Succeeded(), 0.00001 if job.name == OWN else 60.0, 0.0) for job in jobs]
    )
    claims.claim()
    # Then only the short ones are claimed ahead, and do not count as started
    assert (bench.names().count(OWN), len(bench.owned)) == (58, 68)
    assert Job.objects.running().filter(name=OWN, started_at=None).count() == 58
    assert not Job.objects.running().exclude(name=OWN).filter(started_at=None).exists()


def test_it_learns_too_where_all_places_are_of_one_kind(intake, bench):
    # Given jobs of which a place is done with several in a moment
    make_jobs(60)
    claims = intake()
    claims.claim()
    jobs = list(bench.owned.values())
    bench.owned.clear()
    # When they have ended
    claims.learn([Finished(job, Succeeded(), 0.05, 0.0) for job in jobs])
    # Then more are claimed than can start at once
    assert claims.claim() == 30


def test_it_waits_for_the_record_of_what_holds_a_permit_and_of_nothing_else(intake, bench):
    declare(limited, max_running=3)
    claims = intake()
    for name, waits in [(LIMITED, True), ("tests.samples.anything", False)]:
        make_jobs(1, name=name, lane=name)
        claims.claim()
        claims.ended = list(bench.owned.values())
        bench.owned.clear()
        assert claims.waits_for_records == waits

    claims.ended = []
    assert not claims.waits_for_records


def test_queues_are_served_in_the_order_of_the_settings_where_that_is_strict(intake, settings):
    settings.DJANGO_JOBS = {"QUEUES": ["urgent", "default"], "QUEUE_ORDER": "strict"}
    make_jobs(10, priority=9)
    make_jobs(10, queue="urgent")

    assert intake().claim() == 10
    assert set(Job.objects.running().values_list("queue", flat=True)) == {"urgent"}


def test_a_queue_whose_row_makes_no_sense_is_logged_and_served_as_if_it_said_nothing(
    intake, caplog
):
    Queue.objects.create(name="default", rate_limit="often")
    make_jobs(10)

    assert intake().claim() == 10
    assert "queue.ignored queue=default error=" in caplog.text


@pytest.mark.parametrize("budget", [1, 3])
def test_a_budget_of_runs_holds_over_places_of_all_kinds(budget, intake, bench):
    declare(own, executor="process")
    make_jobs(30, name=OWN, lane=OWN)

    assert intake(budget=budget).claim() == min(budget, 2)


def test_limits_of_functions_are_kept(intake, bench):
    declare(limited, max_running=3)
    make_jobs(9, name=LIMITED, lane=LIMITED)

    assert intake().claim() == 3


class TestUnits:
    def test_nobody_counts_them_unless_somebody_speaks_of_them(
        self, intake, bench, django_assert_num_queries
    ):
        make_jobs(1)
        assert intake().claim() == 1  # the first claim of all has its statement compiled
        bench.owned.clear()
        claims = intake()
        claims.claim()  # once in a while it looks at the queues too
        make_jobs(3)

        with django_assert_num_queries(2):
            assert claims.claim() == 3

    def test_the_flag_goes_over_the_setting(self, intake, settings):
        settings.DJANGO_JOBS = {"UNITS": 5}
        make_jobs(30)

        assert intake(units=7).claim() == 7

    def test_the_setting(self, intake, settings):
        settings.DJANGO_JOBS = {"UNITS": 5}
        make_jobs(30)

        assert intake().claim() == 5

    def test_a_function_that_takes_several_makes_them_count(self, intake):
        declare(heavy, units=4000)
        make_jobs(9, name=HEAVY, lane=HEAVY, units=4000)

        assert intake().claim() == 2


def own():
    pass


def limited():
    pass


def heavy():
    pass
