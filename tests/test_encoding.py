"""Arguments and results: what goes in comes back as the same types, or is refused by its path."""

from __future__ import annotations

import math
from collections import OrderedDict, namedtuple
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.db.models import TextChoices
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st

from django_jobs import encoding
from django_jobs.exceptions import NotStorable
from testproject.ledger.models import Gate
from tests.rows import sql

#: So that it has a meaning in every zone.
LATEST = datetime(9999, 1, 1)  # noqa: DTZ001
ZONES = [UTC, ZoneInfo("Europe/Paris"), ZoneInfo("Asia/Kathmandu"), timezone(timedelta(hours=-5))]


def text():
    return st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))


def keys():
    tags = sorted(encoding._LOADERS)
    return text() | st.sampled_from(tags) | text().map(lambda rest: f"${rest}")


def leaves():
    return st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.integers(min_value=-(10**300), max_value=10**300),
        st.floats(allow_nan=False, allow_infinity=False),
        text(),
        keys(),
        st.datetimes(),
        st.datetimes(timezones=st.sampled_from(ZONES), max_value=LATEST),
        st.dates(),
        st.times(),
        st.timedeltas(),
        st.decimals(allow_nan=False),
        st.uuids(),
    )


def values():
    return st.recursive(
        leaves(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.lists(inner, max_size=4).map(tuple)
            | st.dictionaries(keys(), inner, max_size=4)
        ),
        max_leaves=12,
    )


def same(a, b):
    """Tell whether two values are equal and of the same types, down to the sign of zero."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, datetime) and a.tzinfo is not None:
        # Times of different zones are never equal in an hour that comes twice.
        return (a.astimezone(UTC), a.utcoffset()) == (b.astimezone(UTC), b.utcoffset())
    if isinstance(a, float):
        return a == b and math.copysign(1, a) == math.copysign(1, b)
    return a == b and str(a) == str(b)


def through_jsonb(encoded):
    """Store JSON text in the column of a job and return what the database makes of it."""
    [(stored,)] = sql(
        "INSERT INTO django_jobs_job (name, result) VALUES ('x', %s::jsonb) RETURNING result::text",
        encoded,
    )
    return stored


def nested(depth, wrap):
    value = 1
    for _ in range(depth):
        value = wrap(value)
    return value


WRAPS = {
    "list": lambda value: [value],
    "dict": lambda value: {"a": value},
    "tuple": lambda value: (value,),
}
every_wrap = pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)


class TestRoundTrips:
    @given(values())
    def test_any_value_comes_back_as_it_was(self, value):
        assert same(encoding.decode(encoding.encode(value)), value)

    @pytest.mark.django_db
    @given(values())
    def test_any_value_comes_back_from_the_database(self, value):
        assert same(encoding.decode(through_jsonb(encoding.encode(value))), value)

    @pytest.mark.django_db
    @given(st.lists(values(), max_size=4), st.dictionaries(keys(), values(), max_size=4))
    def test_any_arguments_come_back_from_the_database(self, args, kwargs):
        stored_args = through_jsonb(encoding.encode_args(tuple(args)))
        stored_kwargs = through_jsonb(encoding.encode_kwargs(kwargs))

        assert same(encoding.decode(stored_args), args)
        assert same(encoding.decode(stored_kwargs), kwargs)

    @pytest.mark.django_db
    @pytest.mark.parametrize(
        "value",
        [
            1e22, -0.0, 0.0, 5e-324, 1.7976931348623157e308, 1e16, 123456789012345.0, 0.1 + 0.2,
            10**100, -(2**64), True, "", "\U0001f600", "\\u0000", "é", "$", "$$x",
            {"$datetime": "not one"}, {"$tuple": [1]}, {"$": 1}, {"$$": 1}, {"$float": "1"},
            {"$model": ["auth.user", 1, "default"]}, {"$uuid": {"$date": ("a", {"$x": 1})}},
            (), [()], ((1,), [2]), {}, [], {"a": (1, {"$b": (2,)})},
            timedelta.min, timedelta.max, timedelta(days=-1, microseconds=1),
            Decimal("1.10"), Decimal("1E+30"), Decimal("-0"), Decimal("Infinity"),
            UUID(int=0), date.min, date.max, time.max, time(1, 2, tzinfo=UTC), datetime.max,  # noqa: DTZ901
            datetime(1890, 1, 1, tzinfo=ZoneInfo("Europe/Paris")),
            datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Paris")),
            datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Paris")),
        ],
        ids=repr,
    )  # fmt: skip
    def test_values_known_to_be_difficult(self, value):
        assert same(encoding.decode(through_jsonb(encoding.encode(value))), value)

    @every_wrap
    @pytest.mark.parametrize("depth", [100, 300])
    def test_deep_values(self, wrap, depth):
        value = nested(depth, wrap)

        assert encoding.decode(encoding.encode(value)) == value

    def test_special_kinds_of_text_come_back_as_text(self):
        given = [mark_safe("<b>"), gettext_lazy("January")]

        assert same(encoding.decode(encoding.encode(given)), ["<b>", "January"])

    def test_plain_arguments_are_plain_json(self):
        kwargs = {"order_id": 3, "note": "x", "paid": True, "by": None, "lines": [1, 2]}

        assert encoding.encode_kwargs(kwargs) == (
            '{"order_id":3,"note":"x","paid":true,"by":null,"lines":[1,2]}'
        )
        assert encoding.encode_kwargs({}) == "{}"
        assert encoding.encode_args(()) == "[]"


@pytest.mark.django_db
class TestModels:
    def test_an_instance_is_fetched_anew(self):
        user = User.objects.create(username="ada")
        text = through_jsonb(encoding.encode({"by": [user]}))
        User.objects.update(username="grace")

        found = encoding.decode(text)["by"][0]

        assert found == user
        assert found.username == "grace"

    def test_only_its_key_is_stored(self):
        gate = Gate.objects.create(name="secret")

        assert encoding.encode(gate) == f'{{"$model":["ledger.gate",{gate.pk},"default"]}}'

    def test_an_instance_whose_row_is_gone_says_so(self):
        gate = Gate.objects.create(name="x")
        text = encoding.encode(gate)
        gate.delete()

        with pytest.raises(Gate.DoesNotExist):
            encoding.decode(text)

    def test_an_unsaved_instance_is_refused(self):
        with pytest.raises(NotStorable, match=r"gate: save this ledger.Gate first"):
            encoding.encode_kwargs({"gate": Gate(name="x")})

    def test_an_instance_with_a_key_but_no_row_is_refused(self):
        with pytest.raises(NotStorable, match="it has no row yet"):
            encoding.encode(Gate(pk=5, name="x"))

    def test_a_queryset_is_refused(self):
        with pytest.raises(NotStorable, match="list of primary keys"):
            encoding.encode(User.objects.all())


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    ONE = 1


class Word(str, Enum):  # noqa: UP042 - the older way
    YES = "yes"


class Choice(TextChoices):
    YES = "yes"


Pair = namedtuple("Pair", "a b")


class TestRefusals:
    @pytest.mark.parametrize(
        ("value", "reason"),
        [
            ("a\x00b", "NUL"),
            ("\ud800", "surrogate"),
            ("a\udfffb", "surrogate"),
            (float("nan"), "JSON has no nan"),
            (float("inf"), "JSON has no inf"),
            (b"bytes", "base64"),
            (bytearray(b"bytes"), "base64"),
            ({1, 2}, "sorted list"),
            (frozenset(), "sorted list"),
            (Colour.RED, "pass its .value"),
            (Level.ONE, "pass its .value"),
            (Word.YES, "pass its .value"),
            (Choice.YES, "pass its .value"),
            (object(), "a object cannot be stored"),
            (ValueError("x"), "a ValueError cannot be stored"),
            (1j, "a complex cannot be stored"),
            (len, "cannot be stored"),
            (User, "cannot be stored"),
            (OrderedDict(), "a OrderedDict cannot be stored"),
            (Pair(1, 2), "a Pair cannot be stored"),
            (range(3), "a range cannot be stored"),
            ((n for n in "ab"), "a generator cannot be stored"),
        ],
        ids=lambda given: repr(given)[:20].encode("ascii", "replace").decode(),
    )
    def test_what_cannot_be_stored_is_refused_with_its_path(self, value, reason):
        with pytest.raises(NotStorable, match=reason) as caught:
            encoding.encode_kwargs({"fine": 1, "order": {"lines": [0, (1, value)]}})

        assert caught.value.path == "order['lines'][1][1]"
        assert str(caught.value).startswith("order['lines'][1][1]: ")

    @pytest.mark.parametrize(
        "value",
        ["\x00", "\ud800", float("nan"), b"", 10**5000],
        ids=["nul", "half", "nan", "bytes", "huge"],
    )
    def test_the_path_of_an_argument_is_its_parameter(self, value):
        with pytest.raises(NotStorable) as by_name:
            encoding.encode_kwargs({"fine": 1, "note": value})
        with pytest.raises(NotStorable) as by_position:
            encoding.encode_args((1, value), ("fine", "note"))
        with pytest.raises(NotStorable) as nameless:
            encoding.encode_args((1, value), ("fine",))

        paths = [error.value.path for error in (by_name, by_position, nameless)]
        assert paths == ["note", "note", "args[1]"]

    @pytest.mark.parametrize("key", [1, None, 1.5, (1,), b"a", True])
    def test_keys_that_are_no_text_are_refused(self, key):
        with pytest.raises(NotStorable, match="has only text keys"):
            encoding.encode({"a": [{key: 1}]})

    @pytest.mark.parametrize("key", ["a\x00", "\ud800", "$\x00"])
    def test_keys_that_are_no_valid_text_are_refused(self, key):
        with pytest.raises(NotStorable, match="the key"):
            encoding.encode({"a": {key: 1}})
        with pytest.raises(NotStorable, match="the key"):
            encoding.encode_kwargs({key: 1})

    @every_wrap
    @pytest.mark.parametrize("depth", [501, 1_000, 50_000])
    def test_a_value_nested_too_deep_is_refused(self, wrap, depth):
        with pytest.raises(NotStorable, match="deep"):
            encoding.encode(nested(depth, wrap))

    def test_a_value_that_holds_itself_is_refused(self):
        circle: list[object] = []
        circle.append(circle)

        with pytest.raises(NotStorable, match="deep"):
            encoding.encode(circle)

    def test_a_value_is_refused_too_where_few_of_pythons_frames_are_left(self):
        value = {"a": nested(200, WRAPS["list"])}

        def far_down():
            try:
                return far_down()
            except RecursionError:
                return encoding.encode(value, "order")

        with pytest.raises(NotStorable, match=r"order: .*than can be stored from here"):
            far_down()

    @every_wrap
    @pytest.mark.parametrize("depth", range(80, 500, 60))
    def test_what_is_accepted_can_be_read_back(self, wrap, depth):
        value = nested(depth, wrap)
        try:
            text = encoding.encode(value)
        except NotStorable:
            return

        assert encoding.decode(text) == value

    def test_a_time_in_a_zone_without_a_date_is_refused(self):
        # Its offset depends on the day: the zone would be lost without a word.
        with pytest.raises(NotStorable, match="zone"):
            encoding.encode(time(12, tzinfo=ZoneInfo("Europe/Paris")))

    @given(st.text())
    def test_any_text_is_stored_or_refused_and_never_breaks(self, text):
        try:
            encoded = encoding.encode_kwargs({"a": text})
        except NotStorable:
            assert "\x00" in text or any("\ud800" <= c <= "\udfff" for c in text)
        else:
            assert encoding.decode(encoded) == {"a": text}
