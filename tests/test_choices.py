"""Parameters that take some values only: what says so, and what calls may pass."""

from __future__ import annotations

import enum
import json
import sys
from typing import Annotated, Literal, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_jobs import JobSpec, job
from django_jobs.choices import choices_of
from django_jobs.exceptions import InvalidArgument, InvalidOption, NotStorable
from testproject.ledger.paint import Coats, Colour, order, paint
from tests.samples import as_if_at_the_top

if sys.version_info >= (3, 12):
    from typing import TypeAliasType
else:
    from typing_extensions import TypeAliasType

pytestmark = pytest.mark.usefixtures("own_registry")


class Weight(enum.IntEnum):
    """Numbers with names."""

    LIGHT = 1
    HEAVY = 2


class Mix(enum.Flag):
    """Made to be combined."""

    A = 1
    B = 2


Later = Literal["x", "y"]


def declared(annotation, **options):
    """Return the job function of one parameter that is annotated so."""

    @as_if_at_the_top
    def function(b): ...

    function.__annotations__["b"] = annotation
    return job(**options)(function)


class TestWhatListsValues:
    @pytest.mark.parametrize(
        ("annotation", "values"),
        [
            ([1, 2, 3], (1, 2, 3)),
            (("A", "B"), ("A", "B")),
            ("[1, 2, 3]", (1, 2, 3)),
            (Literal["a", None], ("a", None)),
            ("Literal['a', 'b']", ("a", "b")),
            (Literal["a"] | Literal["b"], ("a", "b")),
            (Optional[Literal[1]], (1, None)),  # noqa: UP045 - both ways to write it
            (Optional["Weight"], (1, 2, None)),
            (Annotated[Literal[1, 2], "words"], (1, 2)),
            (Colour, ("red", "green", "blue")),
            ("Weight | None", (1, 2, None)),
            (Literal[Coats.TWO], (2,)),
            ("'Later'", ("x", "y")),
            (TypeAliasType("Size", Literal[1, 2]), (1, 2)),
            ([True, 1], (True, 1)),
        ],
    )
    def test_these_do(self, annotation, values):
        found = choices_of(annotation, declared)

        assert found is not None
        assert found.values == values
        assert list(map(type, found.values)) == list(map(type, values))

    @pytest.mark.parametrize(
        "annotation",
        [
            int, "int", None, list[int], "list[int]", [int], [], (), Literal["a"] | str, Mix,
            "Unheard | None", "no python", [object()], [float("nan")], "1 / 0",
        ],
    )  # fmt: skip
    def test_these_do_not_and_raise_nothing(self, annotation):
        assert choices_of(annotation, declared) is None

    def test_what_comes_later_in_the_module_is_found_when_it_is_asked_for(self):
        # Given a function whose annotation names what is not there yet
        function = declared("NotYet")
        # When it is there
        globals()["NotYet"] = Literal[1, 2]
        try:
            with pytest.raises(InvalidArgument):
                function.job.with_kwargs(b=3).prepare()
        finally:
            del globals()["NotYet"]


class TestCalls:
    @pytest.mark.parametrize("value", ["red", "green"])
    def test_a_choice_is_stored_as_it_is(self, value):
        assert stored(order, colour=value, litres=1)["colour"] == value

    def test_it_is_checked_by_position_too(self):
        with pytest.raises(InvalidArgument, match="colour must be one of 'red', 'green'"):
            order.job.with_args("blue", 1).prepare()

    @pytest.mark.parametrize(
        ("value", "told"),
        [
            ("gren", "colour must be one of 'red', 'green', not 'gren'. Did you mean 'green'?"),
            ("ALL", "To let 'ALL' stand for each of them, declare it: @job(write_all=['colour'])."),
            (None, "not None."),
            (["red"], "not ['red']."),
        ],
    )
    def test_anything_else_is_refused_with_the_nearest(self, value, told):
        with pytest.raises(InvalidArgument) as caught:
            order.job.with_kwargs(colour=value, litres=1).prepare()

        assert told in str(caught.value)
        assert str(caught.value).startswith("testproject.ledger.paint.order: colour")
        assert caught.value.parameter == "colour"
        assert isinstance(caught.value, ValueError)

    def test_the_nearest_number_is_told(self):
        with pytest.raises(InvalidArgument, match=r"not 7. Did you mean 3\?"):
            paint.job.with_kwargs(label="", colour="red", size=7).prepare()

    def test_true_is_not_one(self):
        with pytest.raises(InvalidArgument):
            paint.job.with_kwargs(label="", colour="red", size=True).prepare()

    def test_a_member_is_stored_as_its_value(self):
        given = {"colour": "red", "litres": 1, "coats": Coats.TWO}
        assert stored(order, **given)["coats"] == 2
        assert stored(paint, label="", colour=Colour.RED)["colour"] == "red"

    def test_a_member_of_another_enum_is_refused(self):
        with pytest.raises(InvalidArgument):
            stored(order, colour="red", litres=1, coats=Colour.RED)

    def test_a_member_where_no_annotation_names_it_is_refused_as_ever(self):
        with pytest.raises(NotStorable, match=r"pass its \.value"):
            stored(paint, label=Coats.ONE, colour="red")

    def test_values_that_are_not_hashable_are_compared_all_the_same(self):
        function = declared([[1], [2]])
        assert stored(function, b=[2]) == {"b": [2]}
        with pytest.raises(InvalidArgument):
            stored(function, b=[3])

    def test_a_unique_key_is_made_of_what_the_function_gets(self):
        function = declared(Colour, unique_key=lambda b: b.name)
        assert function.job.with_kwargs(b="red").prepare().unique_key == "RED"

    def test_functions_without_choices_ask_nothing(self):
        definition = declared(int).job.definition
        assert definition.choices == {}


class TestAll:
    def test_it_is_stored_where_the_declaration_allows_it(self):
        assert stored(paint, label="", colour="ALL", size="ALL")["colour"] == "ALL"

    def test_it_is_a_plain_value_of_a_parameter_that_lists_none(self):
        assert stored(paint, label="ALL", colour="red")["label"] == "ALL"

    def test_only_in_upper_case(self):
        with pytest.raises(InvalidArgument):
            stored(paint, label="", colour="all")

    @pytest.mark.parametrize("write_all", [["b"], "b", ("b",), " b ", True, {"b"}])
    def test_there_are_many_ways_to_allow_it(self, write_all):
        assert stored(declared([1, 2], write_all=write_all), b="ALL") == {"b": "ALL"}

    @pytest.mark.parametrize("write_all", [False, [], None])
    def test_and_to_allow_none(self, write_all):
        with pytest.raises(InvalidArgument):
            stored(declared([1, 2], write_all=write_all), b="ALL")

    def test_several_may_stand_with_commas_between_them(self):
        @job(write_all="a, b")
        @as_if_at_the_top
        def function(a: Literal[1], b: Literal[2], c: Literal[3] = 3): ...

        assert stored(function, a="ALL", b="ALL")
        with pytest.raises(InvalidArgument):
            stored(function, a=1, b=2, c="ALL")

    @pytest.mark.parametrize(
        ("annotation", "write_all", "told"),
        [
            (int, ["b"], "write_all needs 'b' of .* to list its values"),
            (int, True, "write_all needs a parameter of"),
            ([1, 2], ["c"], "no such parameter"),
            ([1, "ALL"], ["b"], "'ALL' is itself a value of b"),
            ([1, 2], 3, "write_all must be names of parameters"),
            ([1, 2], [1], "write_all must be names of parameters"),
            ([1, 2], "b,", "write_all must be names of parameters"),
        ],
    )
    def test_what_cannot_be_meant_is_refused_at_the_declaration(self, annotation, write_all, told):
        with pytest.raises(InvalidOption, match=told):
            declared(annotation, write_all=write_all)

    def test_what_is_not_there_yet_may_come(self):
        definition = declared("Unheard", write_all=["b"]).job.definition

        assert definition.write_all_problem(is_final=False) == ""
        assert "to list its values" in definition.write_all_problem(is_final=True)

    def test_more_jobs_than_anybody_wants_are_refused(self):
        @as_if_at_the_top
        def function(a, b): ...

        function.__annotations__.update(a=list(range(1000)), b=list(range(1000)))

        with pytest.raises(InvalidOption, match="1,000,000 jobs"):
            stored(job(write_all=True)(function), a="ALL", b="ALL")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab"), inner, max_size=2),
    max_leaves=4,
)


@given(st.lists(JSON, min_size=1, max_size=5), JSON)
def test_exactly_what_is_listed_is_taken(values, value):
    found = choices_of(values, declared)
    listed = {json.dumps(one) for one in values}

    if found is None:
        assert all(one is None for one in values)
    else:
        assert all(found.stored(one) == one for one in values)
        assert (value in found) == (json.dumps(value) in listed)


def stored(function, **kwargs):
    """Return the arguments as a row would hold them."""
    assert isinstance(function.job, JobSpec)
    return json.loads(function.job.with_kwargs(**kwargs).prepare().kwargs or "{}")
