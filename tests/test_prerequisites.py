"""What is enqueued ahead of a job that depends on others, and with which arguments."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Literal

import pytest

from django_jobs import Dependency, JobSpec, enqueue, same
from django_jobs.definitions import define
from django_jobs.models import Job
from django_jobs.orders import WorkerOptions
from django_jobs.prerequisites import prerequisites
from django_jobs.registry import register
from django_jobs.worker.worker import Worker
from tests.rows import make_job

if TYPE_CHECKING:
    from tests.samples import Unheard  # type: ignore[attr-defined]

pytestmark = pytest.mark.usefixtures("own_registry")


def declare(func, *needs, name, **options):
    """Make a job function known, and return a spec of it."""
    register(define(func, name, None, depends_on=needs, **options))
    return JobSpec(name)


def run(spec):
    """Run a job, and whatever it needs; return its row, and why it failed if it did."""
    row = enqueue(spec)
    Worker(WorkerOptions(burst=True)).run()
    row.refresh_from_db()
    return row, " ".join(error["message"] for error in row.errors)


def test_what_is_missing_is_filled_in():
    declare(filled, name="tests.filled", kwargs={"declared": 5})
    needy = declare(
        takes_n,
        Dependency("tests.filled", 1, given=same.n),
        Dependency("tests.samples.anything", 1, sibling=9),
        name="tests.needy",
    )

    first, _ = prerequisites(needy.definition, (7,), {})

    assert first.kwargs == {
        "given": 7, "declared": 5, "choice": 3, "literal": "p", "enumerated": "red",
        "optional": None, "nothing": None, "n": 7, "sibling": 9,
    }  # fmt: skip
    assert first.spec(parent=1, priority=2).kwargs == first.kwargs


@pytest.mark.django_db(transaction=True)
class TestArguments:
    def test_keywords_of_any_name_are_arguments_like_others(self):
        needy = declare(
            takes_anything, Dependency("tests.samples.send", 1, order_id=same.order), name="needy"
        )

        row, _ = run(needy.with_kwargs(order=7))

        assert row.state == "succeeded"
        assert Job.objects.get(name="tests.samples.send").kwargs["order_id"] == 7

    def test_a_type_that_is_there_for_type_checkers_alone_hides_no_choice_of_its_neighbour(self):
        declare(half_unheard, name="wanted")
        needy = declare(takes_n, Dependency("wanted", 1, thing=same.n), name="needy")

        row, _ = run(needy.with_kwargs(n=7))

        assert row.state == "succeeded"
        assert Job.objects.get(name="wanted").kwargs == {"thing": 7, "letter": "a"}

    @pytest.mark.parametrize(
        ("name", "told"),
        [("m", "nobody says what 'm' is to be"), ("n", "takes 'n' by position only")],
        ids=["nobody says", "by position only"],
    )
    def test_what_nobody_can_give_fails_the_job_at_once(self, name, told):
        declare({"m": takes_m, "n": takes_n_by_position}[name], name="wanted")
        needy = declare(takes_n, Dependency("wanted", 1), name="needy", max_attempts=3)

        row, error = run(needy.with_kwargs(n=7))

        assert (row.state, row.attempts) == ("failed", 1)
        assert error.startswith("Dependency(wanted): ")
        assert told in error
        assert not Job.objects.filter(name="wanted").exists()

    def test_what_nobody_can_give_is_not_asked_for_where_there_is_a_run(self):
        declare(takes_m, name="wanted")
        needy = declare(takes_n, Dependency("wanted", 1), name="needy")
        make_job("succeeded", name="wanted", kwargs={"m": 3}, remembered=True)

        row, _ = run(needy.with_kwargs(n=7))

        assert row.state == "succeeded"


class Colour(Enum):
    """What a parameter may be."""

    RED = "red"
    BLUE = "blue"


def filled(
    given,
    declared,
    choice: [3, 4],  # type: ignore[valid-type]
    literal: Literal["p", "q"],
    enumerated: Colour,
    optional: int | None,
    nothing: None,
    n: int,
    sibling: int,
    defaulted: int = 1,
):
    """Require a lot."""


def half_unheard(thing: Unheard, letter: Literal["a", "b"]):
    """Name a type that is there for type checkers alone."""


def takes_n(n):
    """Have an argument that others need too."""


def takes_n_by_position(n, /):
    """Have an argument that nobody can name."""


def takes_m(m):
    """Have an argument of which nobody has heard."""


def takes_anything(**anything):
    """Have arguments of any name."""
