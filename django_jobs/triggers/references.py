"""What a declaration may name: the fields of a changed row, as it is and as it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from string import Formatter
from typing import Any, NamedTuple

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model

from django_jobs.exceptions import InvalidOption, did_you_mean

NEW, OLD = "new", "old"
SIDES = (NEW, OLD)


class Reference(NamedTuple):
    """A field of a changed row; without a side it is the row as it is, or was if it is gone."""

    side: str | None
    name: str

    @classmethod
    def read(cls, text: str) -> Reference:
        """Return what ``status``, ``new.status`` or ``old.status`` stands for."""
        side, dot, name = text.partition(".")
        if not dot:
            return cls(None, text)
        if side not in SIDES:
            raise InvalidOption(f"{text!r}: before the dot stands new or old, not {side!r}.")
        return cls(side, name)

    def seen_by(self, event: str) -> str | None:
        """Return which of the two rows an event has it in; None where it has no such row."""
        if self.side is None:
            return OLD if event == "delete" else NEW
        return None if (event, self.side) in (("insert", OLD), ("delete", NEW)) else self.side


def template(text: str) -> Iterator[tuple[str, Reference | None]]:
    """Return the pieces of ``order-{id}``: text, and what follows it."""
    try:
        pieces = list(Formatter().parse(text))
    except ValueError as error:
        raise InvalidOption(f"unique_key: {text!r}: {error}.") from None
    for before, name, form, conversion in pieces:
        if form or conversion or name == "":
            raise InvalidOption(
                f"unique_key: {text!r}: the braces hold the name of a field, and nothing else."
            )
        yield before, None if name is None else Reference.read(name)


def find(model: type[Model], name: str) -> Any:
    """Return a field of the model's own table, or raise InvalidOption."""
    opts = model._meta
    if name == "pk":
        return opts.pk
    try:
        field = opts.get_field(name)
    except FieldDoesNotExist:
        known = [field.name for field in opts.local_concrete_fields]
        raise InvalidOption(
            f"{opts.label} has no field {name!r}.{did_you_mean(name, known)}"
        ) from None
    if field not in opts.local_concrete_fields and field != opts.pk:
        if field in opts.concrete_fields:
            raise InvalidOption(
                f"{name!r} is in the table of {field.model._meta.label}, which {opts.label} "
                f"inherits from: a trigger sees the columns of its own table."
            )
        raise InvalidOption(f"{name!r} is no column of the table of {opts.label}.")
    return field


def fields(field: Any) -> Iterable[Any]:
    """Return the fields that a key consists of; any other field is itself."""
    return getattr(field, "fields", None) or (field,)
