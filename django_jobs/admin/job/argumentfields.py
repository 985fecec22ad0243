"""The fields of forms for arguments: one for each type that has a field of its own, or JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.admin import widgets
from django.core.exceptions import ObjectDoesNotExist
from django.utils.html import escape
from django.utils.timezone import is_aware
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_jobs import encoding
from django_jobs.admin.job.kept import Kept
from django_jobs.choices import ALL
from django_jobs.redaction import NothingHidden

WIDE = {"attrs": {"class": "vTextField"}}

#: What is told of a value that is hidden.
_UNSEEN = _("Hidden. Left empty, it stays as it is.")


class StoredField(forms.JSONField):
    """A value as it is stored: JSON, with tags for what JSON has not."""

    #: An empty list is a value.
    empty_values = [None, ""]
    widget = forms.Textarea({"rows": 4, "class": "vLargeTextField", "spellcheck": "false"})

    def __init__(self, *, kept: Kept | None = None, **told: Any) -> None:
        super().__init__(**told)
        self.kept = kept

    def prepare_value(self, value: Any) -> Any:
        """Return the text to begin with: JSON on several lines; empty where there is nothing."""
        if value is None and (self.kept is None or self.kept.is_hidden):
            return ""
        text = super().prepare_value(value)
        if isinstance(value, dict | list):
            return json.dumps(value, ensure_ascii=False, indent=2)
        return text

    def clean(self, value: Any) -> Any:
        """Return the value itself."""
        given = super().clean(value)
        try:
            if self.kept is not None:
                if given == self.kept.shown or (given is None and self.kept.is_hidden):
                    return self.kept.value
                given = self.kept.edited(given)
            return encoding.decode(json.dumps(given), results=_refuse)
        except ObjectDoesNotExist as error:
            raise forms.ValidationError(str(error)) from error
        except NothingHidden as error:
            raise forms.ValidationError(str(error)) from error
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise forms.ValidationError(
                _("It is tagged as what it is not: %(error)s"), params={"error": error}
            ) from error


def _refuse(shape: Any) -> Any:
    raise ValueError("only a workflow hands the results of its steps on")


_Field = Callable[..., forms.Field]
FIELDS: dict[str, _Field] = {
    "int": partial(forms.IntegerField, widget=widgets.AdminIntegerFieldWidget()),
    "float": partial(forms.FloatField, widget=forms.NumberInput({"step": "any"})),
    "str": partial(
        forms.CharField, strip=False, widget=forms.Textarea({"rows": 1, "class": "vLargeTextField"})
    ),
    "bool": forms.BooleanField,
    "date": partial(forms.DateField, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d")),
    "datetime": partial(
        forms.DateTimeField,
        widget=forms.DateTimeInput({"type": "datetime-local", "step": 1}, "%Y-%m-%dT%H:%M:%S"),
    ),
    "time": partial(forms.TimeField, widget=forms.TimeInput({"type": "time", "step": 1})),
    "timedelta": forms.DurationField,
    "Decimal": forms.DecimalField,
    "UUID": partial(forms.UUIDField, widget=forms.TextInput(**WIDE)),
}
#: What each of these fields can begin with, and give back as it was.
_TYPES: dict[str, type] = {
    "int": int, "float": float, "str": str, "bool": bool, "date": date, "datetime": datetime,
    "time": time, "timedelta": timedelta, "Decimal": Decimal, "UUID": UUID,
}  # fmt: skip


def argument_field(
    one: Mapping[str, Any], defaults: Mapping[str, Any], kept: Kept | None = None
) -> forms.Field:
    """Return the field of a parameter; it begins with the argument of a job, if there is one."""
    has_default = not one["required"] or one["name"] in defaults
    told: dict[str, Any] = {"label": one["name"], "help_text": _help(one)}
    if kept is not None and kept.is_hidden:
        return _unseen_field(one, kept, **told)
    initial = defaults.get(one["name"], one.get("default")) if kept is None else kept.stored
    if "choices" in one:
        return _choice(one, initial, has_default=has_default, **told)
    kind = type_of(one)
    required = not (has_default or may_be_none(one) or kind == "bool")
    if kept is not None:
        return _kept_field(kind, kept, required=required, **told)
    make = FIELDS.get(kind, StoredField)
    if make is not StoredField and initial is not None:
        initial = encoding.decode(json.dumps(initial))
    return make(required=required, initial=initial, **told)


def _kept_field(kind: str, kept: Kept, *, required: bool, **told: Any) -> forms.Field:
    """Return a field that gives the argument back as it was, unless somebody changes it."""
    if kind in FIELDS:
        try:
            value = kept.value
        except (ArithmeticError, LookupError, ObjectDoesNotExist, TypeError, ValueError):
            value = kept  # of no type that has a field
        if _fits(value, kind) or (value is None and not required and kind != "bool"):
            return FIELDS[kind](required=required and value != "", initial=value, **told)
    # null is a value too.
    return StoredField(kept=kept, required=False, initial=kept.shown, **told)


def _fits(value: Any, kind: str) -> bool:
    if type(value) is not _TYPES[kind]:
        return False
    if isinstance(value, datetime):
        return is_aware(value)
    return not isinstance(value, time) or value.tzinfo is None


def _unseen_field(one: Mapping[str, Any], kept: Kept, *, label: str, help_text: str) -> forms.Field:
    """Return a field for a value that is hidden: empty, and then it stays as it is."""
    told = {"label": label, "help_text": f"{help_text}. {escape(_UNSEEN)}".removeprefix(". ")}
    if "choices" in one:
        return _choice(one, None, has_default=True, **told)
    kind = type_of(one)
    if kind == "bool" or kind not in FIELDS:
        return StoredField(kept=kept, required=False, **told)
    return FIELDS[kind](required=False, **told)


def _choice(one: Mapping[str, Any], initial: Any, *, has_default: bool, **told: Any) -> forms.Field:
    offered = [
        (json.dumps(value), gettext(label) if label else label)
        for value, label in zip(one["choices"], one["labels"], strict=True)
    ]
    if one["write_all"]:
        offered.append((json.dumps(ALL), _("ALL: a job for each")))
    if not has_default or initial is None:
        offered.insert(0, ("", "---------"))
    return forms.TypedChoiceField(
        choices=offered,
        coerce=encoding.decode,
        empty_value=None,
        required=not has_default,
        initial=None if initial is None else json.dumps(initial),
        **told,
    )


def _help(one: Mapping[str, Any]) -> str:
    # The admin's template takes it for HTML.
    return escape(". ".join(filter(None, [one["help"].rstrip("."), one["type"]])))


def _parts(one: Mapping[str, Any]) -> list[str]:
    return [part.strip() for part in str(one["type"]).split("|")]


def type_of(one: Mapping[str, Any]) -> str:
    """Return the type of a parameter that has one, beside None; empty for any other."""
    kinds = [part for part in _parts(one) if part != "None"]
    return kinds[0] if len(kinds) == 1 else ""


def may_be_none(one: Mapping[str, Any]) -> bool:
    """Return whether None is a value that the parameter takes."""
    return "None" in _parts(one)
