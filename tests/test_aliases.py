"""Renamed job functions: what was enqueued under an old name is run by the new function."""

from __future__ import annotations

import pytest

from django_jobs import Dependency, enqueue, job, registry
from django_jobs.engine import lanes
from django_jobs.exceptions import DuplicateJobName, InvalidOption, UnknownJob
from django_jobs.models import Job, Schedule
from django_jobs.orders import WorkerOptions
from django_jobs.worker.worker import Worker
from tests.rows import make_job, make_jobs, row_of, state_of
from tests.samples import as_if_at_the_top

ran: list[int] = []


@pytest.fixture(autouse=True)
def nothing_ran_yet(own_registry):
    ran.clear()


def renamed(**declared):
    @job(name="shop.new", **{"aliases": ["shop.old", "shop.older"], **declared})
    @as_if_at_the_top
    def new(n: int = 0) -> None:
        ran.append(n)

    return new


def run_all():
    return Worker(WorkerOptions(burst=True)).run()


class TestNames:
    def test_an_old_name_leads_to_the_function(self):
        new = renamed()

        assert registry.resolve("shop.old").func is new
        assert registry.resolve("shop.older").name == "shop.new"
        assert "shop.old" not in registry.names()

    def test_one_alone_may_be_given_as_text(self):
        assert renamed(aliases="shop.old").job.definition.aliases == ("shop.old",)

    @pytest.mark.parametrize("aliases", [3, [3], [""]])
    def test_what_is_no_name_is_refused(self, aliases):
        with pytest.raises(InvalidOption, match="aliases must be"):
            renamed(aliases=aliases)

    def test_it_cannot_be_shared(self):
        with pytest.raises(InvalidOption, match="aliases is for one function"):
            job.with_defaults(aliases=["x"])  # type: ignore[call-arg]

    @pytest.mark.parametrize("taken", ["shop.old", "shop.new"])
    def test_one_name_stands_for_one_function(self, taken):
        renamed()

        with pytest.raises(DuplicateJobName, match=taken):

            @job(name=taken)
            @as_if_at_the_top
            def other() -> None: ...

    def test_an_alias_that_is_somebody_elses_name_is_refused(self):
        with pytest.raises(DuplicateJobName, match=r"tests\.samples\.anything"):
            renamed(aliases=["tests.samples.anything"])

    def test_what_is_forgotten_takes_its_aliases_along(self):
        renamed()

        registry.forget("shop.new")

        with pytest.raises(UnknownJob):
            registry.resolve("shop.old")


class TestRuns:
    def test_a_job_under_an_old_name_is_run_by_the_new_function(self, transactional_db):
        # Given
        new = renamed()
        old = make_job(name="shop.old", kwargs={"n": 1})
        enqueue(new.job.with_kwargs(n=2))

        # When
        report = run_all()

        # Then
        # Both were claimed at once, and run beside each other: in no order.
        assert (report.succeeded, sorted(ran)) == (2, [1, 2])
        assert state_of(old) == "succeeded"

    def test_a_job_enqueued_by_the_old_name_gets_the_new_one(self, transactional_db):
        from django_jobs import JobSpec

        renamed()

        row = enqueue(JobSpec(func="shop.old", kwargs={"n": 1}))

        assert row.name == "shop.new"

    def test_a_schedule_of_the_old_name_makes_jobs_of_the_new_one(self, transactional_db):
        renamed()

        schedule = Schedule(name="s", function="shop.old", cron="@daily")

        assert schedule.spec().prepare().name == "shop.new"

    @pytest.mark.parametrize(
        "limit",
        [
            {"max_running": 1},
            {"concurrency_key": "k", "max_running_per_key": 1},
            {"concurrency_key": lambda n: f"{n}", "ordered": True},
            {"units": 3},
        ],
        ids=["max_running", "per key", "ordered", "units"],
    )
    def test_limits_hold_for_jobs_in_the_old_lane_too(self, limit, transactional_db):
        # Given
        renamed(**limit)
        unlimited = make_job(name="shop.old", kwargs={"n": 1})
        in_lane = make_jobs(2, name="shop.old", lane="shop.old", kwargs={"n": 2})

        # When
        report = run_all()

        # Then
        assert report.succeeded == 3
        assert {row_of(one)["lane"] for one in (unlimited, *in_lane)} == {"shop.new"}

    def test_a_limit_that_is_gone_leaves_nothing_behind(self, transactional_db):
        renamed()
        make_job(name="shop.old", lane="shop.old")

        assert run_all().succeeded == 1

    def test_the_old_lane_is_emptied_by_the_batch(self, db):
        # Given
        renamed(max_running=1)
        make_jobs(3, name="shop.old", lane="shop.old")

        # When
        moved = lanes.move_into_lanes(
            ("default", "shop.old", ""), registry.limits(), using="default"
        )

        # Then
        assert moved == 3
        assert set(Job.objects.values_list("lane", flat=True)) == {"shop.new"}


class TestDependencies:
    @pytest.mark.parametrize("name", ["shop.old", "shop.new"])
    def test_a_run_under_the_old_name_is_what_was_asked_for(self, name, transactional_db):
        # Given
        renamed()

        @job(name="shop.after", depends_on=Dependency(name, 1))
        @as_if_at_the_top
        def after() -> None: ...

        make_job("succeeded", name="shop.old", remembered=True, kwargs={"n": 0})
        waiting = enqueue(after.job)

        # When
        run_all()

        # Then
        assert state_of(waiting) == "succeeded"
        assert Job.objects.filter(name="shop.new").count() == 0
