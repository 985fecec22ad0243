"""What is known of a function's parameters, from its hints and its docstring."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Optional, Union

import pytest
from django.db import models
from django.utils import translation
from django.utils.translation import gettext_lazy

from django_jobs import JobContext, job
from django_jobs.declarations import declaration
from django_jobs.parameters import parameter_help, summary, type_name
from testproject.ledger.paint import Coats, count_cans, count_shelf, order, paint, paint_in_process
from tests.samples import as_if_at_the_top

pytestmark = pytest.mark.usefixtures("own_registry")


def by_name(function):
    return {one.name: one for one in function.job.definition.parameters}


def test_names_types_and_whether_they_are_required_come_from_the_signature():
    found = by_name(order)

    assert [(one.name, one.type, one.required) for one in found.values()] == [
        ("colour", "str", True),
        ("litres", "float", True),
        ("price", "Decimal | None", False),
        ("coats", "Coats", False),
        ("day", "date", False),
        ("urgent", "bool", False),
    ]


def test_the_help_comes_from_the_docstring():
    found = by_name(paint)

    assert paint.job.definition.help == "Paint a wall, and leave one effect."
    assert [one.help for one in found.values()] == [
        "what it is called",
        "the colour, as the shop names it",
        "metres",
    ]


def test_googles_way_of_writing_it_is_read_too():
    found = by_name(order)

    assert (found["litres"].help, found["price"].help) == (
        "how much, at least",
        "what one may cost",
    )


def test_the_context_is_no_parameter_and_neither_are_stars():
    @job
    @as_if_at_the_top
    def function(context: JobContext, a: int, /, *args: str, **kwargs: str) -> None: ...

    definition = function.job.definition

    assert [(one.name, one.positional_only) for one in definition.parameters] == [("a", True)]
    assert definition.takes_any


@pytest.mark.parametrize(
    ("annotation", "name"),
    [
        (int, "int"),
        (Decimal, "Decimal"),
        (datetime, "datetime"),
        (Optional[int], "int | None"),  # noqa: UP045 - both ways to write it
        (Union[int, str], "int | str"),  # noqa: UP007 - both ways to write it
        (int | None, "int | None"),
        (list[int], "list[int]"),
        (dict[str, Any], "dict[str, typing.Any]"),
        (Literal["a", 1], "str | int"),
        (Annotated[int, "seconds"], "int"),
        ("Unheard", "Unheard"),
        (None, "None"),
    ],
)
def test_types_are_told_as_people_write_them(annotation, name):
    assert type_name(annotation) == name


@pytest.mark.parametrize(
    ("docstring", "first", "told"),
    [
        (None, "", {}),
        ("", "", {}),
        ("One line.", "One line.", {}),
        ("One.\n:param x: the x\n:type x: int\n:returns: y", "One.", {"x": "the x"}),
        ("One.\n\n:param int x: the x\n:param  *y: all\n", "One.", {"x": "the x", "y": "all"}),
        (":param x: the: x", "", {"x": "the: x"}),
        (
            "One.\n\nArgs:\n    x: the x\n    y (int, optional): the y\n        is so\n\nReturns:\n"
            "    z: no parameter",
            "One.",
            {"x": "the x", "y": "the y is so"},
        ),
        (
            "One.\n\nArgs:\n    All of them are metres.\n    x: the x\n",
            "One.",
            {"x": "the x"},
        ),
    ],
)
def test_docstrings_are_read(docstring, first, told):
    def function(): ...

    function.__doc__ = docstring

    assert summary(function) == first
    assert parameter_help(function) == told


def test_the_keys_are_the_module_and_the_function_unless_they_are_given():
    @job(name="elsewhere.entirely")
    @as_if_at_the_top
    def renamed() -> None: ...

    definition, given = renamed.job.definition, paint_in_process.job.definition

    assert (definition.type_key, definition.task_key) == ("test_parameters", "renamed")
    assert (given.type_key, given.task_key) == ("house", "paint_in_process")


class TestDeclarations:
    def test_they_hold_what_sql_and_forms_need(self):
        told = declaration(order.job.definition)
        parameters = {one["name"]: one for one in told["parameters"]}

        assert parameters["colour"]["choices"] == ["red", "green"]
        assert parameters["colour"]["write_all"] is False
        assert parameters["coats"]["default"] == Coats.ONE.value
        assert "default" not in parameters["litres"]
        assert parameters["price"]["default"] is None
        assert told["defaults"] == {"day": {"$date": "2026-11-22"}}
        assert (told["queue"], told["priority"], told["timeout"]) == ("orders", 7, 30)

    def test_labels_are_those_of_djangos_choices(self):
        (colour,) = (
            one
            for one in declaration(paint.job.definition)["parameters"]
            if one["name"] == "colour"
        )

        assert colour["labels"] == ["Red as a rose", "Green", "Blue"]

    def test_they_are_the_same_in_every_language(self):
        class Weekday(models.TextChoices):
            MONDAY = "mon", gettext_lazy("Monday")

        def labels():
            @as_if_at_the_top
            def function(day): ...

            function.__annotations__["day"] = Weekday
            return declaration(job(function).job.definition)["parameters"][0]["labels"]

        with translation.override("fr"):
            assert str(Weekday.MONDAY.label) == "lundi"
            assert labels() == ["Monday"]

    def test_keys_that_python_computes_are_told_from_those_that_are_text(self):
        text, computed = (declaration(one.job.definition) for one in (count_cans, count_shelf))

        assert (text["unique_key"], text["computes_unique_key"]) == ("inventory", False)
        assert (computed["unique_key"], computed["computes_unique_key"]) == (None, True)
        assert text["lane"] == count_cans.job.func

    def test_the_hash_changes_with_any_of_it_and_with_nothing_else(self):
        def hash_of(**options):
            @as_if_at_the_top
            def function(a: int = 1) -> None: ...

            return declaration(job(**options)(function).job.definition)["hash"]

        assert hash_of() == hash_of()
        assert hash_of() != hash_of(priority=1)
        assert hash_of() != hash_of(kwargs={"a": 1})

    def test_defaults_that_cannot_be_stored_are_left_out(self):
        @job
        @as_if_at_the_top
        def function(a: object = object()) -> None: ...

        (told,) = declaration(function.job.definition)["parameters"]

        assert (told["required"], "default" in told) == (False, False)
