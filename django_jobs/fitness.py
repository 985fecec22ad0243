"""Whether what waits in a database can be run by this code: asked before it is deployed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django_jobs import calls, encoding, prerequisites, registry
from django_jobs.choices import is_all
from django_jobs.definitions import Definition
from django_jobs.exceptions import JobsError, UnknownJob
from django_jobs.models import Schedule

#: Ids of jobs that are named of each problem.
EXAMPLES = 5


@dataclass
class Problem:
    """One thing that this code cannot run, and what asks for it."""

    #: ``job``, ``schedule`` or ``dependency``.
    kind: str
    #: The job function.
    function: str
    #: What is wrong.
    text: str
    count: int = 0
    #: Of jobs: some ids. Of schedules: their names.
    examples: list[int | str] = field(default_factory=list)

    def meet(self, example: int | str) -> None:
        """Count one more that has it."""
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(example)


@dataclass
class Verdict:
    """What was looked at, and what was found."""

    jobs: int = 0
    schedules: int = 0
    functions: int = 0
    problems: list[Problem] = field(default_factory=list)


def judge(*, using: str) -> Verdict:
    """Bind all that waits in a database to the functions of this process."""
    verdict = Verdict()
    found: dict[tuple[str, str], Problem] = {}
    fitting = _Fitting()
    for batch in calls.waiting(using=using):
        verdict.jobs += len(batch)
        for call in batch:
            if text := fitting.problem(call):
                key = (call.name, text)
                found.setdefault(key, Problem("job", call.name, text)).meet(call.id)
    verdict.problems += sorted(found.values(), key=lambda one: (one.function, -one.count))
    for schedule in calls.schedules(using=using):
        verdict.schedules += 1
        verdict.problems += _of_schedule(schedule)
    verdict.functions = len(registry.names())
    verdict.problems += _of_dependencies()
    return verdict


def unknown(*, using: str) -> dict[str, str]:
    """Return the functions that this process does not know, of the jobs that come next, and why.

    At the cost of a glance: judge() looks at all that waits.
    """
    found = {}
    for name in calls.next_names(using=using):
        try:
            registry.resolve(name)
        except UnknownJob as error:
            found[name] = str(error)
    return found


class _Fitting:
    """Tells whether calls fit, and remembers those whose answer depends on their shape alone."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, tuple[str, ...]], str] = {}
        self._definitions: dict[str, Definition | str] = {}

    def problem(self, call: calls.Call) -> str:
        """Return why a call cannot be made, or nothing."""
        definition = self._definition(call.name)
        if isinstance(definition, str):
            return definition
        args, kwargs = json.loads(call.args), json.loads(call.kwargs)
        if not isinstance(args, list) or not isinstance(kwargs, dict):
            return "its arguments are not a list and an object"
        given = {_untagged(name): value for name, value in kwargs.items()}
        shape = (call.name, len(args), tuple(sorted(given)))
        if shape not in self._known:
            self._known[shape] = _unbound(definition, args, given)
        return self._known[shape] or _no_choice(definition, args, given)

    def _definition(self, name: str) -> Definition | str:
        if name not in self._definitions:
            try:
                self._definitions[name] = registry.resolve(name)
            except UnknownJob as error:
                self._definitions[name] = str(error)
        return self._definitions[name]


def _unbound(definition: Definition, args: list[Any], kwargs: dict[str, Any]) -> str:
    try:
        definition.check_call(tuple(args), kwargs)
    except TypeError as error:
        return str(error)
    return ""


def _no_choice(definition: Definition, args: list[Any], kwargs: dict[str, Any]) -> str:
    if not definition.choices:
        return ""
    named = {**dict(zip(definition.positional, args, strict=False)), **kwargs}
    for name, choices in definition.choices.items():
        if name not in named or is_all(choices, named[name]):
            continue
        text = json.dumps(named[name])
        if encoding.reads_rows(text) or '"$previous"' in text or '"$result"' in text:
            continue  # nobody knows before it runs
        try:
            definition.choose((), {name: encoding.decode(text)})
        except (JobsError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            return str(error)
    return ""


def _untagged(name: str) -> str:
    return name[1:] if name[:2] == "$$" else name


def _of_schedule(schedule: Schedule) -> Iterator[Problem]:
    try:
        schedule.spec().prepare()
    # Whatever keeps it from being enqueued: arguments that name a row which is gone, too.
    except Exception as error:
        problem = Problem("schedule", schedule.function, str(error) or type(error).__name__)
        problem.meet(schedule.name)
        yield problem


def _of_dependencies() -> Iterator[Problem]:
    for name in registry.names():
        for _, text in prerequisites.problems(registry.resolve(name)):
            yield Problem("dependency", name, text, 1)
    for circle in prerequisites.circles():
        told = " → ".join(circle)
        yield Problem("dependency", circle[0], f"Job functions depend on each other: {told}.", 1)
