"""What a running job knows of its run, and may tell about it."""

from __future__ import annotations

import inspect
import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ForwardRef, Optional

import pytest

import django_jobs
from django_jobs import Cancel, JobContext, engine
from django_jobs.context import MAX_LINE, Lease, is_context
from django_jobs.exceptions import InvalidOption, JobTimeout
from django_jobs.recorder import FlightRecorder
from tests.executors.bench import Witness
from tests.rows import claim, make_job

if TYPE_CHECKING:
    from somewhere import JobContext as Elsewhere  # type: ignore[import-not-found]


@pytest.fixture
def desk():
    return Witness(FlightRecorder([0]))


@pytest.fixture
def make_context(desk, claimed):
    """Return a function that makes the context of a run with so many seconds left."""

    def make(remaining=None, limit=5.0, **fields):
        deadline = None if remaining is None else time.monotonic() + remaining
        row = lambda job: engine.row_of(job, "default")  # noqa: E731
        return JobContext(claimed._replace(**fields), deadline, limit, desk, row)

    return make


@pytest.fixture
def claimed(db):
    make_job(args=[3], max_attempts=4, meta={"by": "ada"})
    (claimed,) = claim()
    return claimed


class TestWhatItKnows:
    def test_the_attempt(self, make_context):
        assert (make_context().attempt, make_context().max_attempts) == (1, 4)
        assert not make_context(attempts=3).is_last_attempt
        assert make_context(attempts=4).is_last_attempt

    def test_the_lease_grows_with_every_change_of_hands(self, make_context, claimed):
        first, later = make_context().lease, make_context(claims=2).lease

        assert first == Lease(claimed.id, 1)
        assert str(later) == f"{claimed.id}:2"
        assert later > first

    def test_the_row_costs_nothing_but_what_the_claim_did_not_fetch(
        self, make_context, django_assert_num_queries
    ):
        context = make_context()

        with django_assert_num_queries(0):
            assert (context.job.name, context.job.args) == (context.name, [3])
        with django_assert_num_queries(1):
            assert context.job.meta == {"by": "ada"}
        assert context.job is context.job

    def test_what_it_is_called(self, make_context, claimed):
        assert repr(make_context()) == f"<JobContext {claimed.name} #{claimed.id}, attempt 1>"

    def test_the_time_that_is_left(self, make_context):
        assert 4 < make_context(5.0).remaining <= 5
        assert make_context(-1).remaining == 0
        assert make_context(None).remaining is None


class TestCheck:
    def test_all_is_well(self, make_context):
        make_context(5.0).check()
        make_context(None).check()

    def test_the_time_is_over(self, make_context):
        with pytest.raises(JobTimeout, match="limit of 5 seconds"):
            make_context(0).check()

    def test_it_was_cancelled(self, make_context, desk, claimed):
        context = make_context(0)
        assert not context.is_cancelled
        desk.cancelled.add(claimed.id)

        assert context.is_cancelled
        with pytest.raises(Cancel, match="cancelled while it ran"):
            context.check()


class TestTelling:
    def test_progress(self, make_context, desk, claimed):
        make_context().progress(1, 2.5, "half \x00 \ud800")

        ((job, told, lines),) = desk.notes
        assert (job, lines) == (claimed, [])
        assert (told["done"], told["total"]) == (1, 2.5)
        assert told["message"] == "half \N{REPLACEMENT CHARACTER} ?"
        assert datetime.fromisoformat(told["at"]).utcoffset() is not None

    @pytest.mark.parametrize(
        ("done", "total"),
        [
            (float("nan"), None),
            (float("inf"), None),
            (10**400, None),
            (-(10**5000), None),
            (1, 10**5000),
            ("1", None),
            (True, None),
            (None, None),
            (1, "2"),
            (1j, None),
        ],
        ids=[
            "nan",
            "inf",
            "large",
            "larger",
            "total",
            "text",
            "bool",
            "None",
            "text of",
            "complex",
        ],
    )
    def test_progress_that_cannot_be_written_down_is_refused(self, make_context, desk, done, total):
        with pytest.raises((InvalidOption, ValueError), match=r"progress|digits"):
            make_context().progress(done, total)

        assert desk.notes == []

    def test_a_line(self, make_context, desk):
        make_context(attempts=2).log("%s of %d", "one", 2)
        make_context().log("100 %")
        make_context().log(ValueError("what"))

        lines = [line for told in desk.notes for line in told.lines]
        assert [line["message"] for line in lines] == ["one of 2", "100 %", "what"]
        assert lines[0]["attempt"] == 2

    def test_a_line_is_cut(self, make_context, desk):
        make_context().log("x" * 10_000_000)

        assert len(desk.notes[0].lines[0]["message"]) == MAX_LINE


def by_type(context: JobContext) -> Any:
    """Take a context."""


def by_union(context: JobContext | None) -> Any:
    """Take a context."""


def by_optional(context: Optional[JobContext]) -> Any:  # noqa: UP045
    """Take a context."""


def by_annotated(context: Annotated[JobContext, "why"]) -> Any:
    """Take a context."""


def by_path(context: django_jobs.JobContext) -> Any:
    """Take a context."""


def for_type_checkers_alone(context: Elsewhere) -> Any:
    """Take something that is not there at run time."""


def by_another_name(context: dict[str, int]) -> Any:
    """Take something else."""


def unannotated(context) -> Any:
    """Take anything."""


class TestAnnotations:
    @pytest.mark.parametrize("function", [by_type, by_union, by_optional, by_annotated, by_path])
    def test_text_is_understood(self, function):
        # All annotations of this module are text, by its import from __future__.
        (parameter,) = inspect.signature(function).parameters.values()

        assert isinstance(parameter.annotation, str)
        assert is_context(parameter, function)

    def test_types_are_understood(self):
        for annotation in (JobContext, JobContext | None, Annotated[JobContext, "why"]):
            parameter = inspect.Parameter(
                "x", inspect.Parameter.KEYWORD_ONLY, annotation=annotation
            )
            assert is_context(parameter, by_type)

    @pytest.mark.parametrize(
        ("annotation", "is_one"),
        [
            ("JobContext", True),
            ("nowhere.JobContext", True),
            ("nowhere.JobContext | None", True),
            ("None | JobContext", True),
            ("nowhere.MyJobContext", False),
            ("list[nowhere.JobContexts]", False),
            # What Python 3.14 makes of such a name.
            (ForwardRef("JobContext"), True),
            (ForwardRef("MyJobContext"), False),
        ],
    )
    def test_text_that_leads_nowhere_is_read(self, annotation, is_one):
        parameter = inspect.Parameter("x", inspect.Parameter.KEYWORD_ONLY, annotation=annotation)

        assert is_context(parameter, len) == is_one

    @pytest.mark.parametrize("function", [unannotated, by_another_name, for_type_checkers_alone])
    def test_others_are_none(self, function):
        (parameter,) = inspect.signature(function).parameters.values()

        assert not is_context(parameter, function)
