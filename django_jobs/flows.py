"""What people write to say which jobs come after which: chains, groups, graphs by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

from asgiref.sync import sync_to_async

import django_jobs
from django_jobs import options
from django_jobs.exceptions import InvalidOption, UnknownOption, did_you_mean
from django_jobs.handing import previous
from django_jobs.specs import JobSpec
from django_jobs.states import OnFailure, OnFailureWord

if TYPE_CHECKING:
    from django_jobs.models import Workflow


def _check_on_failure(value: object) -> OnFailure:
    if value in OnFailure.values:
        return OnFailure(value)
    known = ", ".join(repr(str(policy)) for policy in OnFailure.values)
    raise InvalidOption(
        f"on_failure must be one of {known}, not {value!r}.{did_you_mean(str(value), OnFailure)}"
    )


def as_spec(given: object) -> JobSpec:
    """Return what ``given`` describes a job by, or raise InvalidOption."""
    if isinstance(given, JobSpec):
        return given
    if callable(given):
        return JobSpec.from_func(given)
    raise InvalidOption(f"A job is given as a JobSpec or a job function, not as {given!r}.")


class Whole(TypedDict, total=False):
    """The options of a whole workflow; None is not given."""

    name: str | None
    on_failure: OnFailureWord | None
    cleanup: JobSpec | Callable[..., Any] | None
    meta: Mapping[str, Any] | None


@dataclass(frozen=True)
class Composition:
    """Jobs of which some come after others. Nothing changes it; enqueueing it makes a workflow.

    The options are for the whole: they belong to the outermost composition.
    """

    #: What the workflow is called; None to be told by its steps.
    name: str | None = None
    on_failure: OnFailureWord | None = None
    #: A job that runs when all else has ended, and not well.
    cleanup: JobSpec | Callable[..., Any] | None = None
    #: Data of yours that the workflow carries.
    meta: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        for option, check in _OPTIONS.items():
            value = getattr(self, option)
            if value is not None:
                object.__setattr__(self, option, check(value))

    def __or__(self, following: Work) -> Chain:
        return chain(self, following) if _is_work(following) else NotImplemented

    def __ror__(self, preceding: Work) -> Chain:
        return chain(preceding, self) if _is_work(preceding) else NotImplemented

    def then(self, callback: Work) -> Chain:
        """Return a chain that ends in ``callback``.

        A job function that needs an argument is given the result of what is before it: the list of
        the results of a group.
        """
        if not isinstance(callback, JobSpec | Composition) and callable(callback):
            spec = JobSpec.from_func(callback)
            needed = spec.definition.required & set(spec.definition.positional)
            if needed - (spec.kwargs or {}).keys():
                callback = spec.with_args(previous)
        return chain(self, callback)

    def with_options(self, **given: Unpack[Whole]) -> Self:
        """Return the same with another name, on_failure, cleanup or meta."""
        for option in given:
            if option not in _OPTIONS:
                raise UnknownOption(option, _OPTIONS)
        return replace(self, **given)

    @property
    def own_options(self) -> list[str]:
        """Return the options that may be given to the outermost composition alone, and are here."""
        return [name for name in _OPTIONS if name != "name" and getattr(self, name) is not None]

    def enqueue(self, *, using: str | None = None) -> Workflow:
        """Make the workflow and all of its jobs, in the caller's transaction; return its row."""
        return django_jobs.enqueue(self, using=using)

    async def aenqueue(self, *, using: str | None = None) -> Workflow:
        """See enqueue()."""
        return await sync_to_async(self.enqueue)(using=using)


_OPTIONS: dict[str, Callable[[Any], Any]] = {
    "name": lambda value: options.check_name(value, "name"),
    "on_failure": _check_on_failure,
    "cleanup": as_spec,
    "meta": lambda value: options.check_dict(value, "meta"),
}

#: What may come before or after something: a job, or a composition of jobs.
Work = JobSpec | Callable[..., Any] | Composition


@dataclass(frozen=True)
class Chain(Composition):
    """One after the other: each begins when the one before it has ended."""

    members: tuple[JobSpec | Composition, ...] = ()


@dataclass(frozen=True)
class Group(Composition):
    """Side by side: what comes after it begins when all of them have ended."""

    members: tuple[JobSpec | Composition, ...] = ()


@dataclass(frozen=True)
class NamedStep:
    """A step of a flow: jobs that begin together, and the names of the steps before it."""

    name: str
    specs: tuple[JobSpec, ...]
    is_group: bool
    after: tuple[str, ...]


@dataclass(frozen=True)
class Flow(Composition):
    """Steps by name, each after the steps that it says: ``Flow("import").step("read", read)``."""

    steps: tuple[NamedStep, ...] = ()

    def step(
        self,
        name: str,
        work: JobSpec | Callable[..., Any] | Group | Iterable[JobSpec | Callable[..., Any]],
        *,
        after: str | Iterable[str] = (),
    ) -> Self:
        """Return a flow with one more step: a job or many, to begin when ``after`` has ended.

        A step may name steps that are added later. What is wrong with the whole, such as a circle,
        is found when it is enqueued.
        """
        options.check_name(name, "step")
        names = (after,) if isinstance(after, str) else tuple(after)
        for one in names:
            options.check_name(one, "after")
        specs, is_group = _jobs_of(name, work)
        added = NamedStep(name, specs, is_group, tuple(dict.fromkeys(names)))
        return replace(self, steps=(*self.steps, added))


def chain(*members: Work, **given: Unpack[Whole]) -> Chain:
    """Return jobs, groups, flows that run one after the other.

    The options are those of the workflow: name, on_failure, cleanup and meta.
    """
    flat: list[JobSpec | Composition] = []
    for member in map(_work, _some(members, "chain")):
        # So that a | b | c | … is one chain, and no tower.
        is_plain = isinstance(member, Chain) and not member.own_options and not member.name
        flat += member.members if is_plain else [member]  # type: ignore[union-attr]
    return Chain(members=tuple(flat)).with_options(**given)


def group(*members: Work, **given: Unpack[Whole]) -> Group:
    """Return jobs, chains, flows that run side by side, as many at a time as there are places.

    Its result is the list of their results, in this order. The options are those of the workflow:
    name, on_failure, cleanup and meta.
    """
    return Group(members=tuple(map(_work, _some(members, "group")))).with_options(**given)


def _some(members: tuple[Work, ...], name: str) -> tuple[Work, ...]:
    if not members:
        raise InvalidOption(f"{name}() needs at least one job: nothing can come after nothing.")
    return members


def _is_work(given: object) -> bool:
    return isinstance(given, JobSpec | Composition) or callable(given)


def _work(given: Any) -> JobSpec | Composition:
    if isinstance(given, Composition):
        return given
    if isinstance(given, list | tuple) or hasattr(given, "__next__"):
        raise InvalidOption("Jobs are given one by one, not as a list: chain(*jobs), group(*jobs).")
    return as_spec(given)


def _jobs_of(name: str, work: Any) -> tuple[tuple[JobSpec, ...], bool]:
    if isinstance(work, JobSpec) or (callable(work) and not isinstance(work, Composition)):
        return (as_spec(work),), False
    if isinstance(work, Group) and not work.own_options:
        work = work.members
    if isinstance(work, Composition):
        raise InvalidOption(
            f"The step {name!r} is given a composition, and a step holds jobs that begin together. "
            f"Make each part of it a step of its own, or put the flow beside it by | or group()."
        )
    specs = tuple(work)
    if any(isinstance(spec, Composition) for spec in specs):
        return _jobs_of(name, Chain(members=specs))
    if not specs:
        raise InvalidOption(f"The step {name!r} has no jobs.")
    return tuple(map(as_spec, specs)), True
