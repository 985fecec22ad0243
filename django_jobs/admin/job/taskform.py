"""The form that enqueues a job: made from what is known of its function."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from django import forms
from django.contrib.admin import widgets
from django.core.exceptions import ObjectDoesNotExist
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_jobs import encoding
from django_jobs.choices import ALL
from django_jobs.exceptions import (
    InvalidArgument,
    InvalidOption,
    JobsError,
    NotStorable,
    UnknownQueue,
)
from django_jobs.models import Task
from django_jobs.specs import JobSpec

#: Before the names of fields that are arguments: a parameter may be called "queue" too.
PREFIX = "argument-"
#: The field of arguments that no parameter names.
OTHERS = "other-arguments"
#: The options that the form has, in this order.
OPTIONS = ("queue", "priority", "scheduled_at", "unique_key")

_WIDE = {"attrs": {"class": "vTextField"}}


class StoredField(forms.JSONField):
    """A value as it is stored: JSON, with tags for what JSON has not."""

    #: An empty list is a value.
    empty_values = [None, ""]

    def clean(self, value: Any) -> Any:
        """Return the value itself."""
        given = super().clean(value)
        try:
            return encoding.decode(json.dumps(given))
        except ObjectDoesNotExist as error:
            raise forms.ValidationError(str(error)) from error
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise forms.ValidationError(
                _("It is tagged as what it is not: %(error)s"), params={"error": error}
            ) from error


_Field = Callable[..., forms.Field]
_FIELDS: dict[str, _Field] = {
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
    "UUID": partial(forms.UUIDField, widget=forms.TextInput(**_WIDE)),
}


class TaskForm(forms.Form):
    """The arguments and options of one job. ``is_valid()`` has checked it as enqueueing does."""

    def __init__(self, task: Task, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.task = task
        self._parameters = {one["name"]: one for one in task.parameters}
        for name, one in self._parameters.items():
            self.fields[PREFIX + name] = _field(one, task.defaults)
        if task.takes_any:
            self.fields[OTHERS] = StoredField(
                label=_("Other arguments"), required=False, help_text=_("A JSON object.")
            )
        self.fields.update(_options(task))
        #: What to enqueue; there once the form is valid.
        self.spec: JobSpec | None = None

    @property
    def arguments(self) -> list[str]:
        """Return the names of the fields that are arguments."""
        return [name for name in self.fields if name not in OPTIONS]

    def clean(self) -> None:
        """Check the job, and say at which field it is wrong."""
        if self.errors:
            return
        given = self.cleaned_data
        try:
            args, kwargs = self._call(given)
            options = {name: given[name] for name in OPTIONS if given[name] not in (None, "")}
            spec = JobSpec(func=self.task.name)
            # What is left empty is as .enqueue() has it.
            options["args"], options["kwargs"] = args, {**spec.definition.kwargs, **kwargs}
            spec = spec.replace(options)
            spec.prepare()
        except (JobsError, TypeError) as error:
            self.refuse(error)
        else:
            self.spec = spec

    def refuse(self, error: Exception) -> None:
        """Say that the job was refused, at the field that the error is about."""
        self.add_error(self._place(error), str(error))

    def _call(self, given: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        others = given.get(OTHERS)
        if others is not None and not isinstance(others, dict):
            raise InvalidOption("The other arguments must be a JSON object.")
        for name, one in self._parameters.items():
            value = given[PREFIX + name]
            if self._was_left_out(name, value):
                continue
            if one.get("positional_only"):
                args.append(value)
            else:
                kwargs[name] = value
        return args, {**(others or {}), **kwargs}

    def _was_left_out(self, name: str, value: Any) -> bool:
        one, field = self._parameters[name], self.fields[PREFIX + name]
        if isinstance(field, forms.BooleanField):
            return False
        # Nothing was entered: then the default holds, or None where it is a value of its own.
        return value in (None, "") and not (one["required"] and _may_be_none(one))

    def _place(self, error: Exception) -> str | None:
        if isinstance(error, InvalidArgument):
            return self._known(PREFIX + error.parameter)
        if isinstance(error, NotStorable):
            first = error.path.partition("[")[0].partition(".")[0]
            return self._known(PREFIX + first) or self._known(OTHERS)
        if isinstance(error, UnknownQueue):
            return "queue"
        if isinstance(error, InvalidOption):
            return next((name for name in OPTIONS if str(error).startswith(name)), None)
        return None

    def _known(self, name: str) -> str | None:
        return name if name in self.fields else None


def _field(one: Mapping[str, Any], defaults: Mapping[str, Any]) -> forms.Field:
    has_default = not one["required"] or one["name"] in defaults
    initial = defaults.get(one["name"], one.get("default"))
    told: dict[str, Any] = {"label": one["name"], "help_text": _help(one)}
    if "choices" in one:
        return _choice(one, initial, has_default=has_default, **told)
    kind = _type(one)
    make = _FIELDS.get(kind, StoredField)
    required = not (has_default or _may_be_none(one) or kind == "bool")
    if make is not StoredField and initial is not None:
        initial = encoding.decode(json.dumps(initial))
    return make(required=required, initial=initial, **told)


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


def _options(task: Task) -> Iterator[tuple[str, forms.Field]]:
    text = partial(forms.CharField, required=False, widget=forms.TextInput(**_WIDE))
    usual = _("Empty: %s.")
    yield "queue", text(label=_("queue"), max_length=255, help_text=usual % task.queue)
    yield (
        "priority",
        forms.IntegerField(label=_("priority"), required=False, help_text=usual % task.priority),
    )
    yield (
        "scheduled_at",
        _FIELDS["datetime"](label=_("not before"), required=False, help_text=_("Empty: now.")),
    )
    key = _("computed") if task.computes_unique_key else task.unique_key or _("none")
    yield "unique_key", text(label=_("unique key"), max_length=255, help_text=usual % key)


def _help(one: Mapping[str, Any]) -> str:
    return ". ".join(filter(None, [one["help"].rstrip("."), one["type"]]))


def _parts(one: Mapping[str, Any]) -> list[str]:
    return [part.strip() for part in str(one["type"]).split("|")]


def _type(one: Mapping[str, Any]) -> str:
    kinds = [part for part in _parts(one) if part != "None"]
    return kinds[0] if len(kinds) == 1 else ""


def _may_be_none(one: Mapping[str, Any]) -> bool:
    return "None" in _parts(one)
