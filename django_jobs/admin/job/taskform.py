"""The forms for what a job is called with: made from what is known of its function, or JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ObjectDoesNotExist
from django.utils.translation import gettext_lazy as _

from django_jobs.admin.job.argumentfields import StoredField, argument_field, may_be_none
from django_jobs.admin.job.kept import Kept, kept_by_name
from django_jobs.admin.job.optionfields import OPTIONS, given_options, option_fields
from django_jobs.admin.job.sight import Sight
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


class CallForm(forms.Form):
    """What one job is called with. ``is_valid()`` has checked it as enqueueing does."""

    #: The name of the function.
    function = ""
    #: What to enqueue; there once the form is valid.
    spec: JobSpec | None = None

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
            args, kwargs = self.call(given)
            spec = JobSpec(func=self.function)
            # What is left empty is as .enqueue() has it.
            kwargs = {**spec.definition.kwargs, **kwargs}
            spec = spec.replace({**given_options(given), "args": args, "kwargs": kwargs})
            spec.prepare()
        except (JobsError, ObjectDoesNotExist, TypeError) as error:
            self.refuse(error)
        else:
            self.spec = spec

    def call(self, given: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments that were filled in."""
        raise NotImplementedError

    def refuse(self, error: Exception) -> None:
        """Say that the job was refused, at the field that the error is about."""
        self.add_error(self.place(error), str(error))

    def place(self, error: Exception) -> str | None:
        """Return the name of the field that an error is about, None for none."""
        return None


class TaskForm(CallForm):
    """The arguments and options of one job of a function that is in the catalogue."""

    def __init__(
        self,
        task: Task,
        *args: Any,
        kept: Mapping[str, Kept] | None = None,
        has_options: bool = True,
        **kwargs: Any,
    ) -> None:
        """``kept`` are the arguments to begin with."""
        super().__init__(*args, **kwargs)
        self.task, self.function = task, task.name
        self._parameters = {one["name"]: one for one in task.parameters}
        self._kept = dict(kept or {})
        for name, one in self._parameters.items():
            field = argument_field(one, task.defaults, self._kept.get(name))
            self.fields[PREFIX + name] = field
        if task.takes_any:
            others = {name: one for name, one in self._kept.items() if name not in self._parameters}
            self.fields[OTHERS] = _others(others)
        if has_options:
            self.fields.update(option_fields(task))

    def call(self, given: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments that were filled in, by position where they have no other way."""
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        others = given.get(OTHERS)
        if others is not None and not isinstance(others, dict):
            raise InvalidOption("The other arguments must be a JSON object.")
        for name, one in self._parameters.items():
            value = given[PREFIX + name]
            if self._stays(name, value):
                value = self._kept[name].value
            elif self._was_left_out(name, value):
                continue
            if one.get("positional_only"):
                args.append(value)
            else:
                kwargs[name] = value
        return args, {**(others or {}), **kwargs}

    def _stays(self, name: str, value: Any) -> bool:
        """Return whether an argument that there was is left as it was, whatever its field shows."""
        kept, field = self._kept.get(name), self.fields[PREFIX + name]
        if kept is None or isinstance(field, StoredField):  # which knows by itself
            return False
        if kept.is_hidden:
            return value in (None, "")
        if isinstance(value, str) and isinstance(kept.stored, str):
            # Browsers send their own ends of lines.
            return value.replace("\r\n", "\n") == kept.stored.replace("\r\n", "\n")
        return PREFIX + name not in self.changed_data

    def _was_left_out(self, name: str, value: Any) -> bool:
        one, field = self._parameters[name], self.fields[PREFIX + name]
        if isinstance(field, forms.BooleanField):
            return False
        if isinstance(field, StoredField) and field.kept is not None:
            # null is a value; nothing at all is none.
            return not field.kept.is_hidden and not self[PREFIX + name].data
        # Nothing was entered: then the default holds, or None where it is a value of its own.
        return value in (None, "") and not (one["required"] and may_be_none(one))

    def place(self, error: Exception) -> str | None:
        """Return the name of the field that an error is about, None for none."""
        if isinstance(error, InvalidArgument):
            return self._known(PREFIX + error.parameter)
        if isinstance(error, NotStorable):
            first = error.path.partition("[")[0].partition(".")[0]
            return self._known(PREFIX + first) or self._known(OTHERS)
        if isinstance(error, UnknownQueue):
            return self._known("queue")
        if isinstance(error, InvalidOption):
            named = (name for name in OPTIONS if str(error).startswith(name))
            return self._known(next(named, ""))
        return None

    def _known(self, name: str) -> str | None:
        return name if name in self.fields else None


class RawForm(CallForm):
    """The arguments of a job as JSON, where no other form can show all of them."""

    def __init__(
        self, sight: Sight, task: Task | None, *args: Any, has_options: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        job = sight.job
        self.function = job.name
        self.fields["args"] = _json(_("positional arguments"), Kept(job.args, sight.args))
        self.fields["kwargs"] = _json(_("keyword arguments"), Kept(job.kwargs, sight.kwargs))
        if has_options and task is not None:
            self.fields.update(option_fields(task))

    def call(self, given: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments that were filled in."""
        # An empty field is none, and an empty value of another kind is a mistake all the same.
        args = [] if given["args"] is None else given["args"]
        kwargs = {} if given["kwargs"] is None else given["kwargs"]
        if not isinstance(args, list):
            raise InvalidOption("The positional arguments must be a JSON array.")
        if not isinstance(kwargs, dict):
            raise InvalidOption("The keyword arguments must be a JSON object.")
        return args, kwargs


def form_of(sight: Sight, task: Task | None, data: Any, **given: Any) -> CallForm:
    """Return the form that begins with a job's arguments: by its parameters if all have a place."""
    if task is not None:
        names = [one["name"] for one in task.parameters]
        kept = kept_by_name(sight, names)
        if kept is not None and (task.takes_any or kept.keys() <= set(names)):
            return TaskForm(task, data, kept=kept, **given)
    return RawForm(sight, task, data, **given)


def _others(kept: Mapping[str, Kept]) -> StoredField:
    told: dict[str, Any] = {
        "label": _("Other arguments"),
        "required": False,
        "help_text": _("A JSON object."),
    }
    if not kept:
        return StoredField(**told)
    both = Kept(
        {name: one.stored for name, one in kept.items()},
        {name: one.shown for name, one in kept.items()},
    )
    return StoredField(kept=both, initial=both.shown, **told)


def _json(label: Any, kept: Kept) -> StoredField:
    return StoredField(label=label, kept=kept, initial=kept.shown, required=False)
