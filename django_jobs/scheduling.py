"""The schedules that the code declares, and what all schedules have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from django_jobs import encoding
from django_jobs.exceptions import InvalidOption, UnknownJob
from django_jobs.registry import declared_names, find
from django_jobs.specs import JobSpec

#: The shortest interval, in seconds: schedules are looked at about as often.
SHORTEST_INTERVAL = 1


class Missed(TextChoices):
    """What becomes of ticks that nobody was there for."""

    SKIP = "skip", _("skip them")
    ONCE = "once", _("make up for them by one job")
    ALL = "all", _("make up for each of them")


#: As ``missed=`` takes it.
MissedWord = Missed | Literal["skip", "once", "all"]


class Overlap(TextChoices):
    """Whether a tick makes a job while the one before it has not ended."""

    ALLOW = "allow", _("allow")
    SKIP = "skip", _("skip the tick")


#: As ``overlap=`` takes it.
OverlapWord = Overlap | Literal["allow", "skip"]


class Source(TextChoices):
    """Who has made a schedule."""

    CODE = "code", _("declared in code")
    HAND = "hand", _("made by hand")
    WITHDRAWN = "withdrawn", _("declared no more")


@dataclass(frozen=True, eq=False)
class Declaration:
    """One ``@cron``: everything that it says, checked."""

    func: Callable[..., Any]
    name: str | None
    #: JSON text.
    kwargs: str
    cron: str | None
    every: timedelta | None
    timezone: str
    start: datetime | None
    end: datetime | None
    missed: str
    overlap: str
    enabled: bool
    queue: str | None
    priority: int | None

    @property
    def function(self) -> str:
        """Return the name of the job function, which a ``@job`` above may have set since."""
        return str(self.func.job.func)  # type: ignore[attr-defined]

    def is_current(self) -> bool:
        """Return whether its function is the one that is registered: modules may be reloaded."""
        definition = find(self.function)
        return definition is not None and definition.func is self.func

    def spec(self) -> JobSpec:
        """Return what its ticks enqueue, or raise UnknownJob."""
        return spec_of(self.function, "[]", self.kwargs, self.queue, self.priority)


_declarations: list[Declaration] = []


def declare(declaration: Declaration) -> None:
    """Make a declaration known."""
    _declarations.append(declaration)


def declared() -> dict[str, Declaration]:
    """Return the declared schedules by name. Without one of its own a schedule is named after its
    job; further ones of the same job get a number.
    """
    return dict(_named(declaration for declaration in _declarations if declaration.is_current()))


def _named(declarations: Iterator[Declaration]) -> Iterator[tuple[str, Declaration]]:
    unnamed: dict[str, int] = {}
    for declaration in declarations:
        name, function = declaration.name, declaration.function
        if name is None:
            unnamed[function] = number = unnamed.get(function, 0) + 1
            name = function if number == 1 else f"{function} {number}"
        yield name, declaration


def spec_of(
    function: str, args: str, kwargs: str, queue: str | None, priority: int | None
) -> JobSpec:
    """Return what a schedule enqueues; ``args`` and ``kwargs`` are JSON as it is stored.

    Raise UnknownJob unless the function is declared a job: a schedule can choose among these only,
    never among all functions that could be imported.
    """
    definition = find(function)
    if definition is None or not definition.is_declared:
        reason = "only functions with @job or @cron, that this process knows, can be scheduled."
        raise UnknownJob(function, reason, declared_names())
    positional, named = encoding.decode(args), encoding.decode(kwargs)
    if not isinstance(positional, list) or not isinstance(named, dict):
        raise InvalidOption("args must be a list, and kwargs an object.")
    # As by a call of .enqueue(): the declared arguments are its defaults.
    taken = definition.positional[: len(positional)]
    held = {name: value for name, value in definition.kwargs.items() if name not in taken}
    # Not by JobSpec(…), which would check all that the declaration has checked.
    spec: JobSpec = definition.func.job  # type: ignore[attr-defined]
    own = {"queue": queue, "priority": priority}
    said = {name: value for name, value in own.items() if value is not None}
    return (spec.replace(said) if said else spec).calling(tuple(positional), {**held, **named})
