"""What went wrong, as text that the database takes whatever it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_jobs.faults import MAX_MESSAGE, MAX_TRACEBACK, fault_of, storable
from tests.rows import sql


def raised(error):
    """Return the error with a traceback."""
    try:
        raise error
    except BaseException as caught:
        return caught


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("cannot tell")


class Odd(Exception):
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]


def test_a_fault_has_the_type_the_message_and_the_traceback():
    fault = fault_of(raised(ValueError("broken")))

    assert (fault.exception, fault.message) == ("builtins.ValueError", "broken")
    assert "in raised" in fault.traceback
    assert fault.traceback.endswith("ValueError: broken\n")


def test_what_led_to_it_is_told_too():
    error = ValueError("second")
    error.__cause__ = raised(KeyError("first"))

    assert "KeyError: 'first'" in fault_of(error).traceback


class Leaving(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


@pytest.mark.parametrize("error", [Mute(), Odd(), Leaving()])
def test_an_error_that_cannot_be_described_is_described_by_that(error):
    fault = fault_of(raised(error))

    assert fault.exception == f"{__name__}.{type(error).__name__}"
    assert "while describing the error" in fault.message


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_errors_that_are_no_exceptions_are_faults_too(error):
    assert fault_of(raised(error)).exception == f"builtins.{type(error).__name__}"


def test_gigantic_messages_and_tracebacks_are_cut():
    fault = fault_of(raised(ValueError("x" * 10_000_000)))

    assert len(fault.message) == MAX_MESSAGE
    assert len(fault.traceback) == MAX_TRACEBACK


def test_a_runaway_recursion_is_told_by_its_end():
    def run(n):
        return run(n + 1)

    try:
        run(0)
    except RecursionError as error:
        fault = fault_of(error)

    assert fault.traceback.count("in run") <= 60
    assert "RecursionError" in fault.traceback


@pytest.mark.django_db
@given(st.text())
def test_any_message_can_be_stored(message):
    fault = fault_of(raised(ValueError(message)))

    [(stored,)] = sql("SELECT %s::jsonb ->> 'message'", json.dumps(fault._asdict()))
    assert stored == fault.message


def test_only_what_cannot_be_stored_is_replaced():
    assert storable("a\x00b\ud800c\U0001f600é") == "a\N{REPLACEMENT CHARACTER}b?c\U0001f600é"


MODULE = """
def fail(message, kind=ValueError):
    raise kind(message)

def other(message):
    raise ValueError(message)

def dive(depth):
    return dive(depth - 1) if depth else fail("the ground")

def through(message):
    {padding}
    return fail(message)
"""


@pytest.fixture
def fingerprint_of():
    """Return a function that returns the fingerprint of a call in a module, as it is released."""

    def fingerprint_of(function, *args, padding="pass"):
        released: dict[str, Any] = {"__name__": "shop.jobs"}
        exec(MODULE.format(padding=padding), released)
        try:
            released[function](*args)
        except Exception as error:
            # From where the module's own code begins: the test's is around it.
            trace = error.__traceback__ and error.__traceback__.tb_next
            return fault_of(error.with_traceback(trace)).fingerprint

    return fingerprint_of


class TestFingerprints:
    def test_one_kind_at_one_place_has_one(self, fingerprint_of):
        first, again = fingerprint_of("fail", "order 1"), fingerprint_of("fail", "order 2")

        assert first == again
        assert len(first) == 16
        assert int(first, 16) >= 0

    def test_it_survives_changed_lines(self, fingerprint_of):
        before = fingerprint_of("through", "x")

        assert fingerprint_of("through", "x", padding="pass\n    pass\n    pass") == before

    @pytest.mark.parametrize(
        "other", [("fail", "x", TypeError), ("other", "x"), ("through", "x")], ids=lambda o: o[0]
    )
    def test_another_kind_or_place_has_another(self, fingerprint_of, other):
        assert fingerprint_of(*other) != fingerprint_of("fail", "x")

    def test_the_depth_of_a_recursion_does_not_matter(self, fingerprint_of):
        assert fingerprint_of("dive", 3) == fingerprint_of("dive", 40)

    def test_an_error_without_a_traceback_has_one_too(self):
        assert fault_of(ValueError("a")).fingerprint == fault_of(ValueError("b")).fingerprint
        assert fault_of(ValueError()).fingerprint != fault_of(TypeError()).fingerprint
