"""@cron: what it makes of a function, and what it refuses."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from django_jobs import cron, job, registry
from django_jobs.exceptions import InvalidOption, NotStorable, UnknownJob, UnknownOption
from django_jobs.scheduling import declared
from django_jobs.specs import JobSpec

pytestmark = pytest.mark.usefixtures("own_registry")

NAME = f"{__name__}.report"


def make(*, kwargs=None):
    """Return a fresh function at the top level of this module."""

    def report(size: int = 1) -> int:
        return size

    report.__qualname__ = "report"
    return report


def of_report():
    """Return what is declared of that function."""
    return {name: one for name, one in declared().items() if one.function.startswith(__name__)}


class TestTheFunction:
    def test_a_plain_function_becomes_a_job_and_stays_what_it_is(self):
        report = cron("@daily")(make())
        assert report(3) == 3
        assert isinstance(report.job, JobSpec)
        assert registry.resolve(NAME).func is report

    def test_a_job_function_keeps_what_its_decorator_says(self):
        report = cron("@daily")(job(queue="reports", name="the report")(make()))
        assert report.job.queue == "reports"
        assert of_report().keys() == set()
        assert declared()["the report"].func is report

    def test_a_job_decorator_above_has_the_last_word(self):
        report = job(name="the report", queue="reports")(cron("@daily")(make()))
        assert report.job.queue == "reports"
        assert declared()["the report"].function == "the report"
        assert NAME not in registry.declared_names()

    def test_a_job_decorator_above_may_give_the_arguments(self):
        def needy(size):
            return size

        needy.__qualname__ = "needy"
        job(kwargs={"size": 3})(cron("@daily")(needy))
        assert declared()[f"{__name__}.needy"].spec().kwargs == {"size": 3}


class TestNames:
    def test_it_is_named_after_its_job_and_further_ones_by_number(self):
        cron(every=timedelta(hours=1))(cron("@daily")(make()))
        assert {name: one.cron for name, one in of_report().items()} == {
            NAME: "@daily", f"{NAME} 2": None,
        }  # fmt: skip

    def test_a_name_of_its_own_is_kept(self):
        cron("@daily", name="nightly")(cron("@hourly", name="hourly")(make()))
        assert set(of_report()) == {"nightly", "hourly"}

    def test_a_name_that_another_function_has_is_refused(self):
        cron("@daily", name="nightly")(make())
        other = make()
        other.__qualname__ = "other"
        with pytest.raises(
            InvalidOption, match=r"'nightly' is taken by tests.test_schedules.report"
        ):
            cron("@daily", name="nightly")(other)

    def test_a_module_that_is_imported_anew_replaces_its_own(self):
        cron("@daily", name="nightly")(make())
        cron("@hourly", name="nightly")(make())
        assert of_report()["nightly"].cron == "@hourly"
        assert len(of_report()) == 1


class TestOptions:
    def test_everything_can_be_said(self):
        start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
        cron(
            "0 3 * * *", timezone="Asia/Tokyo", name="nightly", kwargs={"size": 2}, start=start,
            end=end, missed="skip", overlap="skip", enabled=False, queue="reports", priority=5,
        )(make())  # fmt: skip
        one = of_report()["nightly"]
        assert (one.cron, one.every, one.timezone) == ("0 3 * * *", None, "Asia/Tokyo")
        assert (one.start, one.end, one.missed, one.overlap) == (start, end, "skip", "skip")
        assert (one.enabled, one.queue, one.priority) == (False, "reports", 5)
        assert json.loads(one.kwargs) == {"size": 2}

    @pytest.mark.parametrize(
        ("expression", "given", "said"),
        [
            (None, {}, "give one of them"),
            ("@daily", {"every": timedelta(hours=1)}, "give one of them"),
            ("61 * * * *", {}, "Bad minute"),
            (make, {}, "must be text"),
            (None, {"every": 60}, "every must be a timedelta"),
            (None, {"every": timedelta(milliseconds=10)}, "from 1 second"),
            (None, {"every": timedelta(hours=1), "timezone": "UTC"}, "timezone is for expressions"),
            ("@daily", {"timezone": "Mars/Olympus"}, "no time zone"),
            ("@daily", {"timezone": 3}, "must be a name"),
            ("@daily", {"start": datetime(2026, 1, 1)}, "start must know its time zone"),  # noqa: DTZ001
            ("@daily", {"end": "tomorrow"}, "end must be a datetime"),
            ("@daily", {"missed": "onec"}, "Did you mean 'once'"),
            ("@daily", {"overlap": True}, "overlap must be one of 'allow', 'skip'"),
            ("@daily", {"missed": "all", "overlap": "skip"}, "contradict each other"),
            ("@daily", {"enabled": 1}, "enabled must be True or False"),
            ("@daily", {"kwargs": [1]}, "kwargs must be a dict"),
            ("@daily", {"queue": ""}, "queue must be 1 to 255"),
            ("@daily", {"priority": "high"}, "priority must be an integer"),
            ("@daily", {"name": "x" * 256}, "name must be 1 to 255"),
        ],
    )
    def test_what_makes_no_sense_is_refused_where_it_is_declared(self, expression, given, said):
        with pytest.raises(InvalidOption, match=said):
            cron(expression, **given)

    def test_an_end_before_the_start_is_refused(self):
        now = datetime(2026, 1, 1, tzinfo=UTC)
        with pytest.raises(InvalidOption, match="end must be after start"):
            cron("@daily", start=now, end=now)

    def test_an_unknown_option_names_the_nearest(self):
        with pytest.raises(UnknownOption, match="Did you mean 'timezone'"):
            cron("@daily", time_zone="UTC")  # type: ignore[call-overload]

    def test_arguments_that_no_row_can_hold_are_refused(self):
        with pytest.raises(NotStorable, match="size"):
            cron("@daily", kwargs={"size": object()})

    def test_arguments_that_a_job_does_not_take_are_refused(self):
        with pytest.raises(TypeError, match="colour"):
            cron("@daily", kwargs={"colour": 1})(job(make()))

    def test_a_lambda_is_refused_as_by_job(self):
        with pytest.raises(InvalidOption, match="import"):
            cron("@daily")(lambda: None)


class TestWhatItEnqueues:
    def test_its_arguments_go_over_those_of_the_job(self):
        cron("@daily", kwargs={"size": 2}, queue="mail")(
            job(kwargs={"size": 9}, priority=4)(make())
        )
        new = of_report()[NAME].spec().prepare()
        assert (new.kwargs, new.queue, new.priority) == ('{"size":2}', "mail", 4)

    def test_a_function_that_is_no_job_is_not_scheduled_though_it_could_be_imported(self):
        from django_jobs.scheduling import spec_of

        for name in ("testproject.shop.jobs.read_price_list", "os.system", "no.where"):
            with pytest.raises(UnknownJob, match="can be scheduled"):
                spec_of(name, "[]", "{}", None, None)
