"""manage.py jobs enqueue: arguments as text, checked as the Python API checks them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal
from uuid import UUID

import pytest
from django.core.management import CommandError

from django_jobs import encoding, job
from django_jobs.models import Job
from django_jobs.terminal.base import BAD_USE, NOTHING
from tests.samples import as_if_at_the_top

pytestmark = pytest.mark.django_db

SEND = "tests.samples.send"


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@pytest.fixture
def typed(own_registry):
    @job(name="typed", write_all=["size"])
    @as_if_at_the_top
    def typed(
        number: int = 0,
        share: float = 0.0,
        price: Decimal = Decimal(0),
        on: bool = False,
        day: date | None = None,
        at: datetime | None = None,
        hour: time | None = None,
        lasts: timedelta | None = None,
        key: UUID | None = None,
        text: str | None = None,
        names: list[str] | None = None,
        either: int | str = 0,
        free=None,
        size: Literal[1, 2, "big"] = 1,
        colour: Colour = Colour.RED,
        dark: Literal[True, False, "auto"] = "auto",
    ) -> None: ...

    return "typed"


def only_job() -> Job:
    return Job.objects.get()


def kwargs_of(row: Job) -> Any:
    import json

    return encoding.decode(json.dumps(row.kwargs))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("number=17", 17),
        ("share=1.5", 1.5),
        ("price=9.90", Decimal("9.90")),
        ("on=true", True),
        ("on=No", False),
        ("day=2026-11-22", date(2026, 11, 22)),
        ("day=None", None),
        ("at=2026-11-22T08:00:00+00:00", datetime(2026, 11, 22, 8, tzinfo=UTC)),
        ("hour=08:30", time(8, 30)),
        ("lasts=01:30:00", timedelta(hours=1.5)),
        ("key=12345678-1234-5678-1234-567812345678", UUID("12345678" + "12345678" * 3)),
        ("text=17", "17"),
        ("text=a=b", "a=b"),
        ("text=", ""),
        ('names=["a"]', ["a"]),
        ("either=17", 17),
        ("either=x", "x"),
        ("free=[1, 2]", [1, 2]),
        ("free=so", "so"),
        ("size=2", 2),
        ("size=big", "big"),
        ("size=ALL", "ALL"),
        ("colour=blue", "blue"),
        ("dark=auto", "auto"),
        ("dark=false", False),
    ],
)
def test_text_becomes_what_the_parameter_takes(text, value, typed, jobs):
    # When
    code, said = jobs("enqueue", typed, "--kwarg", text)

    # Then
    row = only_job()
    found = kwargs_of(row)[text.partition("=")[0]]
    assert (code, said) == (0, f"typed #{row.pk} was enqueued on the queue 'default'.")
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["nobody.knows"], "No job function is named 'nobody.knows'"),
        (["typed", "--kwarg", "number=x"], "number must be a whole number, not 'x'"),
        (["typed", "--kwarg", "on=maybe"], "on must be true or false"),
        (["typed", "--kwarg", "lasts=soon"], "lasts must be a duration"),
        (["typed", "--kwarg", "numbr=1"], "no parameter 'numbr'. Did you mean 'number'"),
        (["typed", "--kwarg", "number"], "--kwarg takes NAME=VALUE"),
        (["typed", "--kwarg", "colour=bleu"], "colour must be one of .*Did you mean 'blue'"),
        (["typed", "--kwargs", "{"], "--kwargs takes a JSON object"),
        (["typed", "--kwargs", "[]"], "--kwargs takes a JSON object, not"),
        (["typed", "--args", "{}"], "--args takes a JSON list"),
        (
            ["typed", "--kwargs", '{"free": {"$model": ["ledger.gate", 1, "gone"]}}'],
            "no database 'gone' in DATABASES",
        ),
        (["typed", "--kwargs", '{"number": 1}', "--kwarg", "number=2"], "given twice"),
        (["typed", "--kwargs", '{"other": 1}'], "unexpected keyword argument 'other'"),
        ([SEND], "missing a required argument: 'order_id'"),
        (["typed", "--max-attempts", "0"], "max_attempts must be from 1"),
        (["typed", "--queue", ""], "queue must be 1 to 255"),
        (["typed", "--in", "soon"], "'soon' is no duration"),
        (["typed", "--at", "soon"], "'soon' is no time"),
        (["typed", "--at", "2026-01-01", "--in", "3"], "not allowed with"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_enqueued(words, complaint, typed, jobs):
    with pytest.raises(CommandError, match=complaint):
        jobs("enqueue", *words)

    assert not Job.objects.exists()


def test_a_refusal_by_the_function_is_bad_use(jobs):
    with pytest.raises(CommandError) as raised:
        jobs("enqueue", SEND)

    assert raised.value.returncode == BAD_USE


def test_options_go_over_those_of_the_function(data):
    # When
    code, told = data(
        "enqueue", SEND, "--args", "[3]", "--kwarg", "note=x", "--queue", "bulk", "--priority",
        "-2", "--unique-key", "k", "--max-attempts", 9, "--in", "1h", "--timeout", "2m",
    )  # fmt: skip

    # Then
    row = only_job()
    assert (code, told["created"], told["state"]) == (0, True, "scheduled")
    assert (row.args, row.kwargs) == ([3], {"note": "x"})
    assert (row.queue, row.priority, row.unique_key, row.max_attempts) == ("bulk", -2, "k", 9)
    assert row.timeout == timedelta(minutes=2)
    assert timedelta(minutes=59) < row.scheduled_at - row.enqueued_at <= timedelta(hours=1)


def test_what_is_not_said_is_as_the_function_declares_it(jobs):
    jobs("enqueue", SEND, "--kwarg", "order_id=3")

    row = only_job()
    assert (row.queue, row.priority, row.max_attempts) == ("mail", 5, 3)


@pytest.mark.parametrize(("text", "value"), [("17", 17), ("[1]", [1]), ("so", "so")])
def test_arguments_that_no_parameter_names_are_json_or_text(text, value, jobs):
    jobs("enqueue", "tests.samples.anything", "--kwarg", f"size={text}")

    assert only_job().kwargs == {"size": value}


def test_declared_arguments_are_defaults(jobs):
    jobs("enqueue", "tests.samples.with_defaults", "--kwarg", "size=3")

    assert only_job().kwargs == {"size": 3, "colour": "red"}


def test_a_held_key_makes_no_job_and_says_so(jobs):
    # Given
    jobs("enqueue", "tests.samples.once_per_order", "--kwarg", "order_id=3")

    # When
    code, said = jobs("enqueue", "tests.samples.once_per_order", "--kwarg", "order_id=3")

    # Then
    assert code == NOTHING
    assert said == f"Nothing was enqueued: tests.samples.once_per_order #{only_job().pk} holds " \
                   "the unique key."  # fmt: skip
