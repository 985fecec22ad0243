"""Arguments and results as JSON, and back as the same types.

JSON's own values stand for themselves. Any other type is an object with one key, its tag::

    {"$datetime": "2026-11-22T08:00:00+01:00"}    {"$model": ["shop.order", 3, "default"]}

A dict's own keys that begin with ``$`` get a second one, so that nothing is ambiguous.
What PostgreSQL's jsonb cannot hold (NUL, lone surrogates, NaN) is refused here, with its path.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connections
from django.db.models import Model
from django.utils.functional import Promise

from django_jobs.exceptions import NotStorable
from django_jobs.handing import Handed, Shape

#: Containers inside containers. Each level takes one of Python's thousand frames.
MAX_DEPTH = 300

#: Python's own limit is 4300 digits.
_PRINTABLE_BITS = 14_000
_encoder = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
#: What json.dumps makes of NUL and of surrogates, which jsonb refuses (pairs are fine).
_SUSPECT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_PLAIN = frozenset({str, int, bool, type(None)})
_quoted = json.encoder.encode_basestring_ascii
_PLAIN_TEXT: dict[type, Callable[[Any], str]] = {
    str: _quoted,
    int: int.__repr__,
    bool: {True: "true", False: "false"}.__getitem__,
    type(None): {None: "null"}.__getitem__,
}


def encode(value: object, path: str = "value") -> str:
    """Return ``value`` as JSON text, or raise NotStorable with the path of what cannot be."""
    return _encoder.encode(_walked(value, path))


def encode_kwargs(kwargs: Mapping[str, object]) -> str:
    """Return keyword arguments as JSON text; the paths of errors are the parameters' names."""
    if not kwargs:
        return "{}"
    # Most calls pass a few plain values, and many calls come by the ten thousand: these are put
    # together here, at a third of what the general encoder costs.
    members = []
    for key, value in kwargs.items():
        plain = _PLAIN_TEXT.get(type(value))
        if plain is None or key[:1] == "$":
            break
        try:
            text = f"{_quoted(key)}:{plain(value)}"
        except ValueError:  # an int of too many digits; the walk below names it
            break
        if "\\u" in text and _SUSPECT.search(text):
            break
        members.append(text)
    else:
        return f"{{{','.join(members)}}}"
    tagged = {_key(key, "the arguments"): _walked(v, key) for key, v in kwargs.items()}
    return _encoder.encode(tagged)


def encode_args(args: tuple[object, ...], names: tuple[str, ...] = ()) -> str:
    """Return positional arguments as JSON text; errors name the parameters in ``names``."""
    if not args:
        return "[]"
    labels = (*names, *(f"args[{i}]" for i in range(len(names), len(args))))
    tagged = [_walked(value, label) for value, label in zip(args, labels, strict=False)]
    return _encoder.encode(tagged)


def decode(text: str, results: Callable[[Shape], Any] | None = None) -> Any:
    """Return the value that ``encode`` made ``text`` from; models are fetched anew.

    ``results`` is asked for the results of other steps. Raise the model's DoesNotExist where the
    row is gone.
    """
    if '"$' in text:
        return json.loads(text, object_hook=partial(_untagged, results=results))
    return json.loads(text)


def reads_rows(text: str) -> bool:
    """Return whether ``decode`` has to ask the database."""
    return '"$' in text and any(tag in text for tag in _READING)


# Encoding ---------------------------------------------------------------------------------


def _walked(value: object, path: str) -> object:
    try:
        return _tagged(value, path, 1)
    except RecursionError:
        raise NotStorable(path, "it is nested deeper than can be stored from here.") from None


def _tagged(value: Any, path: str, depth: int) -> object:
    # Containers are walked here and not in functions of their own: one of Python's thousand frames
    # for each level.
    kind = type(value)
    if kind is str:
        return _text(value, path)
    if kind is int:
        return _int(value, path)
    if kind in _PLAIN:
        return value
    if depth > MAX_DEPTH:
        raise NotStorable(path, f"it is nested more than {MAX_DEPTH} deep.")
    if kind is float:
        return _float(value, path)
    if kind is dict:
        members = {}
        for key, member in value.items():
            members[_key(key, path)] = _tagged(member, f"{path}[{key!r}]", depth + 1)
        return members
    if kind is list or kind is tuple:
        items = []
        for index, item in enumerate(value):
            items.append(_tagged(item, f"{path}[{index}]", depth + 1))
        return items if kind is list else {"$tuple": items}
    return _tagged_object(value, path)


def _tagged_object(value: object, path: str) -> object:
    if isinstance(value, Enum):
        raise NotStorable(path, f"{value!r} would come back as something else; pass its .value.")
    if isinstance(value, time) and value.tzinfo is not None and value.utcoffset() is None:
        raise NotStorable(path, "a time of a zone without a date has no offset; pass a datetime.")
    for kind, (tag, dump) in _TAGS.items():
        if isinstance(value, kind):
            return {tag: dump(value)}
    if isinstance(value, Handed):
        return {value.tag: value.stored(path)}
    if isinstance(value, Model):
        return _model(value, path)
    if isinstance(value, Promise):  # gettext_lazy: stored as the text it is now
        return _text(str(value), path)
    if isinstance(value, str):  # SafeString and friends
        return _text(str(value), path)
    raise NotStorable(path, f"a {type(value).__qualname__} cannot be stored. {_hint(value)}")


def _hint(value: object) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return "Pass text, for example base64, or store the data and pass a reference."
    if isinstance(value, set | frozenset):
        return "Pass a sorted list."
    if hasattr(value, "_meta") or type(value).__name__ == "QuerySet":
        return "Pass a list of primary keys."
    return (
        "Pass text, numbers, booleans, None, lists, tuples, dicts, dates, timedeltas, Decimals, "
        "UUIDs or saved model instances."
    )


def _text(value: str, path: str) -> str:
    if "\x00" in value:
        raise NotStorable(path, "it holds a NUL character, which PostgreSQL cannot store.")
    try:
        value.encode()
    except UnicodeEncodeError:
        reason = "it holds half of a surrogate pair, which is no valid text."
        raise NotStorable(path, reason) from None
    return value


def _int(value: int, path: str) -> int:
    if value.bit_length() > _PRINTABLE_BITS:
        raise NotStorable(path, "Python does not print, nor read, an int of so many digits.")
    return value


def _float(value: float, path: str) -> object:
    if not math.isfinite(value):
        raise NotStorable(path, f"JSON has no {value!r}.")
    # jsonb keeps numbers as numeric: 1e+22 would come back as an int and -0.0 as 0.0.
    text = repr(value)
    return {"$float": text} if "e" in text or text == "-0.0" else value


def _key(key: object, path: str) -> str:
    if type(key) is not str:
        raise NotStorable(path, f"the key {key!r} is not text, and JSON has only text keys.")
    _text(key, f"{path} (the key {key!r})")
    return f"${key}" if key[:1] == "$" else key


def _model(value: Model, path: str) -> object:
    if value.pk is None or value._state.adding:
        raise NotStorable(path, f"save this {value._meta.label} first: it has no row yet.")
    key = _tagged(value.pk, f"{path}.pk", 1)
    return {"$model": [value._meta.label_lower, key, value._state.db]}


# datetime before date: every datetime is a date as well.
_TAGS: dict[type, tuple[str, Callable[[Any], str]]] = {
    datetime: ("$datetime", datetime.isoformat),
    date: ("$date", date.isoformat),
    time: ("$time", time.isoformat),
    timedelta: ("$timedelta", lambda value: f"{value.days}:{value.seconds}:{value.microseconds}"),
    Decimal: ("$decimal", str),
    UUID: ("$uuid", str),
}

# Decoding ---------------------------------------------------------------------------------

#: Tags of what stands for the result of another step.
_HANDED = ("$previous", "$result")
#: The beginnings of tags for which the database is asked.
_READING = tuple(f'"{tag}' for tag in ("$model", *_HANDED))


def _untagged(found: dict[str, Any], results: Callable[[Shape], Any] | None = None) -> Any:
    if len(found) == 1:
        ((tag, content),) = found.items()
        loader = _LOADERS.get(tag)
        if loader is not None:
            return loader(content)
        if results is not None and tag in _HANDED:
            return results(content)
    return {k[1:] if k[:2] == "$$" else k: v for k, v in found.items()}


def _load_timedelta(text: str) -> timedelta:
    days, secs, micros = map(int, text.split(":"))
    return timedelta(days, secs, micros)


def _load_model(reference: list[Any]) -> Model:
    label, pk, using = reference
    model = apps.get_model(label)
    if using not in connections:  # else it would be an error of no kind that callers expect
        raise LookupError(f"There is no database {using!r} in DATABASES.")
    instance: Model = model._base_manager.using(using).get(pk=pk)
    return instance


_LOADERS: dict[str, Callable[[Any], Any]] = {
    "$datetime": datetime.fromisoformat,
    "$date": date.fromisoformat,
    "$time": time.fromisoformat,
    "$timedelta": _load_timedelta,
    "$decimal": Decimal,
    "$uuid": UUID,
    "$float": float,
    "$tuple": tuple,
    "$model": _load_model,
    # Made by triggers alone: a JSON column, whose own keys nobody has told apart from tags.
    "$json": json.loads,
}
