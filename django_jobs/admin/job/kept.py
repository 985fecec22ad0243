"""The arguments of a job that there is, for forms that begin with them: secrets never leave."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django_jobs import encoding
from django_jobs.admin.job.sight import Sight
from django_jobs.handing import Bound
from django_jobs.redaction import HIDDEN, restore


@dataclass(frozen=True)
class Kept:
    """One value as it is stored, and as it is shown."""

    stored: Any
    shown: Any

    @property
    def is_hidden(self) -> bool:
        """Return whether nothing of it is shown."""
        return bool(self.shown == HIDDEN)

    @property
    def value(self) -> Any:
        """Return the value itself; raise ObjectDoesNotExist where it names a row that is gone."""
        return encoding.decode(json.dumps(self.stored), results=Bound)

    def edited(self, given: Any) -> Any:
        """Return what was made of it, with what it hides; raise NothingHidden."""
        return restore(given, self.shown, self.stored)


def kept_by_name(sight: Sight, names: list[str]) -> dict[str, Kept] | None:
    """Return the arguments of a job by the names of parameters; None where not all have one."""
    job = sight.job
    if not isinstance(job.args, list) or not isinstance(job.kwargs, dict):
        return None
    if len(job.args) > len(names):
        return None
    found = {name: Kept(*pair) for name, *pair in zip(names, job.args, sight.args, strict=False)}
    return {
        **found,
        **{name: Kept(value, sight.kwargs[name]) for name, value in job.kwargs.items()},
    }
