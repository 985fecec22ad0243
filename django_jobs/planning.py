"""From what people wrote to the steps of a workflow, and which of them wait for which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import groupby
from typing import Any, NamedTuple

from django_jobs import encoding
from django_jobs.exceptions import InvalidOption, did_you_mean
from django_jobs.flows import Chain, Composition, Flow, Group, NamedStep, as_spec
from django_jobs.handing import Shape, bound, handed_in, placed
from django_jobs.specs import Frames, JobSpec
from django_jobs.states import OnFailure

#: Steps that the name of a workflow tells of, where it was given none.
_TOLD = 3
#: Characters of a name.
_LONGEST = 255


class Exits(NamedTuple):
    """The steps that what comes next has to wait for, and the shape of their results."""

    steps: tuple[int, ...] = ()
    shape: Shape | None = None


@dataclass
class PlannedStep:
    """A step, and the places of the steps before it; these are lower than its own."""

    name: str
    specs: Sequence[JobSpec]
    before: Exits
    is_group: bool = False
    is_join: bool = False
    is_cleanup: bool = False

    @property
    def function(self) -> str:
        """Return the name of the function of its jobs, empty where they have several."""
        names = {spec.settle().definition.name for spec in self.specs}
        return names.pop() if len(names) == 1 else ""


@dataclass
class Plan:
    """The steps of a workflow in an order in which they could run, and what holds for it."""

    name: str
    on_failure: OnFailure
    meta: Mapping[str, Any]
    steps: list[PlannedStep] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Return how many jobs it has, without the clean-up."""
        return sum(len(step.specs) for step in self.steps if not step.is_cleanup)

    def specs(self, ids: Sequence[int]) -> list[JobSpec]:
        """Return its jobs; ``ids`` are those of the steps."""
        return [spec for place in range(len(self.steps)) for spec in self._specs_of(place, ids)]

    def _specs_of(self, place: int, ids: Sequence[int]) -> Iterator[JobSpec]:
        step, frames = self.steps[place], Frames()
        waits = bool(step.before.steps) or step.is_cleanup
        for spec in step.specs:
            if handed := {one.step for one in handed_in((spec.args, spec.kwargs))}:
                by_id = dict(enumerate(ids))
                shapes = {name: placed(self.shape(name, place), by_id) for name in handed}
                kwargs = None if spec.kwargs is None else bound(spec.kwargs, shapes)
                spec = spec.replace({"args": bound(spec.args, shapes), "kwargs": kwargs})
            origin = spec.origin._replace(step_id=ids[place], unsettled=True, blocked=waits or None)
            yield spec.coming_from(origin, frames)

    def shape(self, name: str | None, place: int) -> Shape:
        """Return what the result of the step ``name`` is made of, for a job of another step.

        Raise InvalidOption unless it has ended when that one begins.
        """
        step = self.steps[place]
        if name is None:
            if step.before.shape is None:
                raise InvalidOption(
                    f"The step {step.name!r} is given the result of the one before it (previous), "
                    f"and there is none before it."
                )
            return step.before.shape
        places = {other.name: at for at, other in enumerate(self.steps) if not other.is_join}
        if name not in places:
            raise InvalidOption(
                f"The step {step.name!r} is given result_of({name!r}), and no step has this name."
                f"{did_you_mean(name, places)}"
            )
        if not step.is_cleanup and places[name] not in self._all_before(place):
            raise InvalidOption(
                f"The step {step.name!r} is given result_of({name!r}), and does not come after it: "
                f"it may begin before there is a result."
            )
        return ["all" if self.steps[places[name]].is_group else "one", places[name]]

    def _all_before(self, place: int) -> set[int]:
        found: set[int] = set()
        waiting = [place]
        while waiting:
            new = set(self.steps[waiting.pop()].before.steps) - found
            found |= new
            waiting += new
        return found


def plan(work: Composition) -> Plan:
    """Return the steps that ``work`` comes to, or raise InvalidOption saying what is wrong."""
    planner = _Planner()
    planner.lay(work, Exits())
    planner.name_steps()
    if work.cleanup is not None:
        name = planner.free_name("clean-up")
        cleanup = (as_spec(work.cleanup),)
        planner.steps.append(PlannedStep(name, cleanup, Exits(), is_cleanup=True))
    made = Plan(
        work.name or planner.title(),
        OnFailure(work.on_failure or OnFailure.STOP),
        dict(work.meta or {}),
        planner.steps,
    )
    encoding.encode(dict(made.meta), "meta")
    for place, step in enumerate(made.steps):
        for spec in step.specs:
            for handed in handed_in((spec.args, spec.kwargs)):
                made.shape(handed.step, place)
    return made


class _Planner:
    """Lays steps, one after the other."""

    def __init__(self) -> None:
        self.steps: list[PlannedStep] = []
        self._taken: set[str] = set()
        #: The highest number that was put after a name.
        self._numbers: dict[str, int] = {}
        self._titles: list[str] = []
        self._outermost: Composition | None = None

    def lay(self, work: JobSpec | Composition, before: Exits) -> Exits:
        """Lay the steps of ``work`` after those before it; return the ones it ends in."""
        if isinstance(work, JobSpec):
            return self._add(PlannedStep("", (work,), before))
        self._check_options(work)
        match work:
            case Chain():
                for member in work.members:
                    before = self.lay(member, before)
                return before
            case Group():
                return self._lay_group(work, before)
            case Flow():
                return self._lay_flow(work, before)
        raise InvalidOption(f"{work!r} is no chain, group or flow.")

    def _check_options(self, work: Composition) -> None:
        if self._outermost is None:
            self._outermost = work
            return
        for option in work.own_options:
            raise InvalidOption(
                f"{option} holds for a whole workflow, and was given to a part of one: give it to "
                f"the outermost chain, group or flow, as by (… | …).with_options({option}=…)."
            )
        if work.name:
            self._titles.append(work.name)

    def _lay_group(self, work: Group, before: Exits) -> Exits:
        if all(isinstance(member, JobSpec) for member in work.members):
            return self._add(PlannedStep("", work.members, before, is_group=True))  # type: ignore[arg-type]
        before = self._meet(before, sum(map(_width, work.members)))
        exits: list[int] = []
        shapes: list[Shape] = []
        for is_plain, run in groupby(work.members, lambda member: isinstance(member, JobSpec)):
            members = tuple(run)
            if is_plain and len(members) > 1:
                # Side by side anyway: one step, whose results take their places in the list.
                step = PlannedStep("", members, before, is_group=True)  # type: ignore[arg-type]
                ends = [self._add(step)]
                ends = [Exits(end.steps, ["spread", end.steps[0]]) for end in ends]
            else:
                ends = [self.lay(member, before) for member in members]
            for end in ends:
                exits += end.steps
                shapes.append(end.shape)  # type: ignore[arg-type]
        return Exits(tuple(exits), ["list", shapes])

    def _lay_flow(self, work: Flow, before: Exits) -> Exits:
        ordered = _in_order(work)
        before = self._meet(before, _width(work))
        exits: dict[str, Exits] = {}
        for step in ordered:
            if step.name in self._taken:
                raise InvalidOption(f"Two steps are named {step.name!r}: result_of() needs one.")
            self._taken.add(step.name)
            after = _merged([exits[name] for name in step.after]) if step.after else before
            exits[step.name] = self._add(
                PlannedStep(step.name, step.specs, after, is_group=step.is_group)
            )
        waited_for = {name for step in ordered for name in step.after}
        return _merged([exits[step.name] for step in work.steps if step.name not in waited_for])

    def _add(self, step: PlannedStep) -> Exits:
        step.before = self._meet(step.before, len(step.specs))
        self.steps.append(step)
        place = len(self.steps) - 1
        return Exits((place,), ["all" if step.is_group else "one", place])

    def _meet(self, before: Exits, entries: int) -> Exits:
        """Let many steps meet before many, so that their edges are a sum and no product."""
        if len(before.steps) < 2 or entries < 2:
            return before
        self.steps.append(PlannedStep("", (), before, is_join=True))
        place = len(self.steps) - 1
        return Exits((place,), ["join", place])

    # Names ----------------------------------------------------------------------------------

    def name_steps(self) -> None:
        """Give a name to each step that has none: its function's."""
        for step in self.steps:
            if not step.name:
                plain = "join" if step.is_join else step.function.rpartition(".")[2]
                step.name = self.free_name(plain or "group")

    def free_name(self, wanted: str) -> str:
        """Return a name that no step has, and take it."""
        wanted = name = wanted[: _LONGEST - 10]
        while name in self._taken:
            self._numbers[wanted] = number = self._numbers.get(wanted, 1) + 1
            name = f"{wanted} {number}"
        self._taken.add(name)
        return name

    def title(self) -> str:
        """Return what the workflow is called."""
        names = self._titles or [step.name for step in self.steps if not step.is_join]
        more = " → …" if len(names) > _TOLD else ""
        return " → ".join(names[:_TOLD])[: _LONGEST - len(more)] + more


def _width(work: JobSpec | Composition) -> int:
    """Return how many steps ``work`` begins with."""
    match work:
        case Chain():
            return _width(work.members[0])
        case Group() if not all(isinstance(member, JobSpec) for member in work.members):
            return sum(map(_width, work.members))
        case Group():
            return len(work.members)
        case Flow():
            return sum(len(step.specs) for step in work.steps if not step.after)
    return 1


def _merged(ends: Sequence[Exits]) -> Exits:
    if len(ends) == 1:
        return ends[0]
    steps = tuple(dict.fromkeys(step for end in ends for step in end.steps))
    return Exits(steps, ["list", [end.shape for end in ends]])


def _in_order(flow: Flow) -> list[NamedStep]:
    """Return the steps so that each comes after those that it waits for, or raise InvalidOption."""
    if not flow.steps:
        raise InvalidOption(f"The flow {flow.name or ''!r} has no steps.")
    steps: dict[str, NamedStep] = {}
    for step in flow.steps:
        if step.name in steps:
            raise InvalidOption(f"Two steps are named {step.name!r}: the names must differ.")
        steps[step.name] = step
    for step in flow.steps:
        for name in step.after:
            if name not in steps:
                raise InvalidOption(
                    f"The step {step.name!r} comes after {name!r}, and no step has this name."
                    f"{did_you_mean(name, steps)}"
                )
    try:
        order = TopologicalSorter({step.name: step.after for step in flow.steps}).static_order()
        return [steps[name] for name in order]
    except CycleError as error:
        circle = " → ".join(error.args[1])
        raise InvalidOption(f"The steps wait for each other in a circle: {circle}.") from None
