"""What bounds how many jobs run at one time."""

from __future__ import annotations

import pytest

from django_jobs import enqueue, enqueue_many, job, registry
from django_jobs.definitions import define
from django_jobs.limits import Limit
from django_jobs.models import Job
from tests.rows import row_of


@pytest.mark.usefixtures("own_registry")
class TestDeclarations:
    @pytest.mark.parametrize(
        ("declared", "limit"),
        [
            ({"units": 3}, Limit(units=3)),
            ({"units": 0}, Limit(units=0)),
            ({"max_running": 2}, Limit(max_running=2)),
            ({"max_running_per_host": 1}, Limit(max_running_per_host=1)),
            ({"executor": "process"}, Limit(places="process")),
        ],
    )
    def test_each_limit_makes_a_lane(self, declared, limit):
        definition = define(work, "work", **{"executor": None, **declared})

        assert (definition.lane, definition.limit) == ("work", limit)

    @pytest.mark.parametrize(
        "declared",
        [{}, {"units": 1}, {"executor": "thread"}, {"max_running": None}],
    )
    def test_no_limit_makes_none(self, declared):
        definition = define(work, "work", **{"executor": None, **declared})

        assert (definition.lane, definition.limit) == ("", None)

    def test_the_limits_of_all_functions_are_known_by_lane(self):
        before = dict(registry.limits())

        registry.register(define(work, "work", None, max_running=2))

        assert registry.limits() == {**before, "work": Limit(max_running=2)}
        assert registry.limits() is registry.limits()

    def test_what_is_not_known_has_no_limit(self):
        assert registry.limit_of("nowhere.to_be_found") is None


@pytest.mark.usefixtures("db", "own_registry")
class TestRows:
    def test_a_job_with_a_limit_waits_in_its_lane(self):
        limited = job(units=5, max_running=2)(work)

        row = enqueue(limited.job)

        assert (row.lane, row.units) == ("tests.test_limits.work", 5)
        assert (row_of(row)["lane"], row_of(row)["units"]) == ("tests.test_limits.work", 5)

    def test_a_job_without_limits_waits_in_none(self):
        row = enqueue(job(work).job)

        assert (row.lane, row.units) == ("", 1)
        assert (row_of(row)["lane"], row_of(row)["units"]) == ("", 1)

    @pytest.mark.parametrize("count", [2, 60])
    def test_many_at_once_keep_theirs_apart(self, count):
        limited, free = job(units=0)(work), job(rest)

        enqueue_many([limited.job, free.job] * count)

        kinds = Job.objects.values_list("lane", "units")
        assert sorted(kinds) == [("", 1)] * count + [("tests.test_limits.work", 0)] * count


def work():
    pass


def rest():
    pass
