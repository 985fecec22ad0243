"""Dependency and same: what is asked for, worked out from a job's own arguments."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from django_jobs import Dependency, job, same
from django_jobs.exceptions import InvalidDependency, InvalidOption, NotStorable, UnknownOption
from tests.samples import anything, send, undecorated


def nobodys():
    """Be declared as a job, now in this way, now in that."""


OWN = {"day": 10, "n": 4, "label": "x", "on": date(2026, 3, 1)}


@pytest.mark.parametrize(
    ("given", "value"),
    [
        (same, 4),
        (same + 1, 5),
        (same - 1, 3),
        (same * 2, 8),
        (same / 2, 2.0),
        (1 + same, 5),
        (10 - same, 6),
        (3 * same, 12),
        (8 / same, 2.0),
        ((same + 1) * 2, 10),
        (10 - (same - 1), 7),
        (same.day, 10),
        (same("day"), 10),
        (same.day - 1, 9),
        (same.day - same, 6),
        ("the " + same.label, "the x"),
        (same.on - timedelta(days=1), date(2026, 2, 28)),
        ("just this", "just this"),
        (None, None),
    ],
    ids=repr,
)
def test_an_argument_is_worked_out(given, value):
    assert Dependency(anything, 1, n=given).evaluated(OWN) == {"n": value}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (same, "same"),
        (same.day, "same.day"),
        (1 - (same("day") + 2) * 3, "1 - ((same.day + 2) * 3)"),
        (same - same.day, "same - same.day"),
    ],
)
def test_it_is_written_as_it_was(given, text):
    assert repr(given) == text
    assert repr(Dependency("a.b", None, x=given)) == f"Dependency(a.b, x={text})"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (same.dya, "there is no argument 'dya'. Did you mean 'day'?"),
        (same.label - 1, "n=same.label - 1 cannot be worked out: TypeError"),
        (same / 0, "ZeroDivisionError"),
        (same * float("inf"), "NotStorable: n: JSON has no inf"),
    ],
    ids=repr,
)
def test_what_cannot_be_worked_out_is_told(given, told):
    with pytest.raises(InvalidDependency) as caught:
        Dependency(anything, 1, n=given).evaluated(OWN)

    assert told in str(caught.value)
    assert str(caught.value).startswith("Dependency(tests.samples.anything, n=")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (send, "tests.samples.send"),
        (send.job, "tests.samples.send"),
        (undecorated, "tests.samples.undecorated"),
        ("shop.jobs.pack", "shop.jobs.pack"),
    ],
)
def test_a_job_is_given_as_a_function_or_by_its_name(given, name):
    assert Dependency(given).name == name


def test_a_function_that_was_given_a_name_goes_by_it(own_registry):
    job(name="nightly")(nobodys)
    try:
        assert Dependency(nobodys).name == "nightly"
    finally:
        delattr(nobodys, "job")


def test_functions_that_nobody_can_import_are_refused():
    for wrong in (lambda: None, 3, None, "", OWN):
        with pytest.raises(InvalidOption):
            Dependency(wrong)


@pytest.mark.parametrize(
    ("hours", "seconds"),
    [(6, 21600.0), (0.5, 1800.0), (timedelta(minutes=2), 120.0), (0, 0.0), (None, None)],
)
def test_a_window_is_hours_or_a_timedelta(hours, seconds):
    assert Dependency(anything, hours).window == seconds


@pytest.mark.parametrize("wrong", [-1, "6", True, float("nan"), timedelta(-1)])
def test_a_window_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(InvalidOption, match="window of a Dependency"):
        Dependency(anything, wrong)


def test_an_argument_that_cannot_be_stored_is_refused_at_once():
    with pytest.raises(NotStorable, match=r"^files"):
        Dependency(anything, 1, files={1, 2})


@pytest.mark.parametrize("name", ["job", "hours", "args", "self"])
def test_arguments_may_have_any_name(name):
    assert Dependency(anything, 1, **{name: 3}).args == {name: 3}


def test_depends_on_takes_one_or_several(own_registry):
    one, other = Dependency(anything), Dependency(send)

    several: list[tuple[Any, tuple[Dependency, ...]]] = [
        (one, (one,)),
        ([one, other], (one, other)),
        ((), ()),
    ]
    for given, kept in several:
        declared = job(depends_on=given)(nobodys)
        assert declared.job.definition.depends_on == kept
        delattr(nobodys, "job")


def test_depends_on_takes_nothing_else():
    with pytest.raises(InvalidOption, match="write Dependency"):
        job(depends_on=anything)(undecorated)  # type: ignore[call-overload]
    with pytest.raises(UnknownOption, match="depends_on"):
        job(dependencies=Dependency(anything))(undecorated)  # type: ignore[call-overload]
