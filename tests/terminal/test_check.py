"""manage.py jobs check: whether this code can run what waits in a database."""

from __future__ import annotations

import tracemalloc
from typing import Literal

import pytest

from django_jobs import Dependency, calls, fitness, job
from django_jobs.models import Schedule
from django_jobs.terminal.base import NOTHING
from tests.rows import make_job, make_jobs, sql
from tests.samples import anything, as_if_at_the_top

pytestmark = pytest.mark.django_db

SEND = "tests.samples.send"


@pytest.fixture(autouse=True)
def only_samples(db, own_registry, monkeypatch):
    """Let no function or schedule of others, which may be wrong on purpose, be looked at."""
    from django_jobs import registry

    kept = {n: d for n, d in registry._definitions.items() if n.startswith("tests.samples.")}
    monkeypatch.setattr(registry, "_definitions", kept)
    Schedule.objects.all().delete()


def problems(answer):
    return [(one["kind"], one["function"], one["count"]) for one in answer[1]["problems"]]


def test_what_fits_is_in_order(jobs):
    # Given
    make_job(name=SEND, args=[3])
    make_job("scheduled", name=SEND, kwargs={"order_id": 3, "note": "x"})
    make_job("failed", name="nobody.knows")
    Schedule.objects.create(name="a", function=SEND, kwargs={"order_id": 1}, cron="@daily")

    # Then
    assert jobs("check") == (
        0, "2 jobs and 1 schedule wait, and this code can run all of them.",
    )  # fmt: skip


@pytest.mark.parametrize("state", ["scheduled", "blocked", "ready", "running"])
def test_arguments_that_do_not_fit_are_grouped_with_examples(state, jobs, data):
    # Given
    bad = [make_job(state, name=SEND, kwargs={"order": 3}).pk for _ in range(7)]

    # When
    answer = data("check")

    # Then
    (found,) = answer[1]["problems"]
    assert (answer[0], answer[1]["fit"], answer[1]["jobs"]) == (NOTHING, False, 7)
    assert (found["count"], found["examples"]) == (7, bad[:5])
    assert "missing a required argument: 'order_id'" in found["text"]
    said = jobs("check")[1]
    assert f"7 jobs (#{bad[0]}, " in said
    assert "and 2 more" in said


def test_an_unknown_function_is_named_with_the_nearest(jobs):
    make_job(name="tests.samples.sent")

    code, said = jobs("check")

    assert code == NOTHING
    assert "No job function is named 'tests.samples.sent'" in said


@pytest.mark.parametrize("shape", [{"args": {}}, {"kwargs": []}], ids=str)
def test_arguments_of_another_shape_are_found(shape, data):
    make_job(name=SEND, **shape)

    (found,) = data("check")[1]["problems"]

    assert found["text"] == "its arguments are not a list and an object"


def test_values_that_are_no_choices_any_more_are_found(data):
    # Given
    @job(name="sized", write_all=["size"])
    @as_if_at_the_top
    def sized(size: Literal[1, 2]) -> None: ...

    for value in (1, 2, "ALL", 3, {"$previous": None}):
        make_job(name="sized", kwargs={"size": value})
    make_job(name="sized", args=[4])

    # Then
    assert problems(data("check")) == [("job", "sized", 1), ("job", "sized", 1)]


def test_schedules_that_cannot_fire_are_found_unless_they_are_off(data):
    # Given
    Schedule.objects.create(name="bad", function=SEND, kwargs={"order": 3}, cron="@daily")
    Schedule.objects.create(name="gone", function="nobody.knows", cron="@daily")
    Schedule.objects.create(name="off", function="no.body", cron="@daily", is_enabled=False)

    # When
    answer = data("check")

    # Then
    assert problems(answer) == [("schedule", SEND, 1), ("schedule", "nobody.knows", 1)]
    assert [one["examples"] for one in answer[1]["problems"]] == [["bad"], ["gone"]]


def test_dependencies_that_cannot_be_met_are_found(data):
    # Given
    @job(name="needy", depends_on=Dependency("nobody.knows"))
    @as_if_at_the_top
    def needy() -> None: ...

    @job(name="wrong", depends_on=Dependency(SEND, None, orders=3))
    @as_if_at_the_top
    def wrong() -> None: ...

    # Then
    found = data("check")[1]["problems"]
    assert {one["function"] for one in found} == {"needy", "wrong"}
    assert {one["kind"] for one in found} == {"dependency"}


def test_a_circle_of_dependencies_is_found(data):
    # Given
    @job(name="hen", depends_on=Dependency("egg"))
    @as_if_at_the_top
    def hen() -> None: ...

    @job(name="egg", depends_on=Dependency("hen"))
    @as_if_at_the_top
    def egg() -> None: ...

    # Then
    (found,) = data("check")[1]["problems"]
    assert found["text"] == "Job functions depend on each other: egg → hen → egg."


def test_jobs_are_in_memory_by_the_batch_only():
    # Given
    sql(
        "INSERT INTO django_jobs_job (name, kwargs) "
        "SELECT 'tests.samples.send', jsonb_build_object('order_id', n, 'note', repeat('x', 500)) "
        "FROM generate_series(1, 30000) AS n"
    )
    make_jobs(3, name=SEND)

    # When
    tracemalloc.start()
    verdict = fitness.judge(using="default")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    # Then
    assert (verdict.jobs, verdict.problems[0].count) == (30_003, 3)
    assert peak < 3 * calls.BATCH * 1_000


def test_a_job_under_a_former_name_fits(data):
    # Given
    make_job(name="shop.old", kwargs={"n": 3})

    @job(name="shop.new", aliases=["shop.old"])
    @as_if_at_the_top
    def new(n: int) -> None: ...

    # Then
    assert data("check")[0] == 0
    assert anything.job.definition.aliases == ()
