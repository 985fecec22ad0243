"""What stands, in the arguments of a job, for the result of another step of its workflow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django_jobs.exceptions import NotStorable
from django_jobs.options import check_name

#: How the results of steps are put together, as JSON. By its first word: ``one`` step's single
#: result, ``all`` results of a step as a list, the same ``spread`` among the members of a list,
#: a ``list`` of shapes, or what is told by a ``join`` of steps.
Shape = list[Any]


class Handed:
    """Stands for a value that is known when the job is run."""

    #: What it is stored under.
    tag = "$result"

    def stored(self, path: str) -> Shape:
        """Return what is stored, or raise NotStorable."""
        raise NotStorable(
            path,
            f"{self!r} stands for the result of another step: only a job that is enqueued as part "
            f"of a workflow can be given it.",
        )


@dataclass(frozen=True, repr=False)
class ResultOf(Handed):
    """Stands for the result of a step."""

    #: Its name; None for the step before.
    step: str | None

    def __repr__(self) -> str:
        return "previous" if self.step is None else f"result_of({self.step!r})"


@dataclass(frozen=True)
class Bound(Handed):
    """Stands for the result of steps that are known by their ids."""

    shape: Shape
    tag: str = "$result"

    def stored(self, path: str) -> Shape:
        """Return what is stored."""
        return self.shape


#: Stands, in the arguments of a spec, for the result of the step before: one value, or the list of
#: the results of a group, in its order. What did not succeed has the result None.
previous: Any = ResultOf(None)


def result_of(step: str) -> Any:
    """Return what stands, in the arguments of a spec, for the result of the step of that name."""
    return ResultOf(check_name(step, "step"))


def handed_in(value: object) -> Iterator[ResultOf]:
    """Yield what stands for results anywhere in ``value``."""
    if isinstance(value, ResultOf):
        yield value
    elif isinstance(value, Mapping):
        for member in value.values():
            yield from handed_in(member)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from handed_in(member)


def bound(value: Any, shapes: Mapping[str | None, Shape]) -> Any:
    """Return ``value`` with what stands for results bound to the steps that they come from."""
    if isinstance(value, ResultOf):
        return Bound(shapes[value.step], "$previous" if value.step is None else "$result")
    if isinstance(value, Mapping):
        return {key: bound(member, shapes) for key, member in value.items()}
    if type(value) in (list, tuple):
        return type(value)(bound(member, shapes) for member in value)
    return value


def leaves(shape: Shape) -> Iterator[tuple[str, int]]:
    """Yield the steps that a shape is made of, each with the word that says how."""
    word, content = shape
    if word == "list":
        for part in content:
            yield from leaves(part)
    else:
        yield word, content


def placed(shape: Shape, ids: Mapping[int, Any]) -> Shape:
    """Return a shape with each of its steps replaced by what ``ids`` holds for it."""
    word, content = shape
    if word == "list":
        return [word, [placed(part, ids) for part in content]]
    return [word, ids[content]]


def assembled(shape: Shape, results: Mapping[int, list[Any]]) -> Any:
    """Return the value that a shape describes, with the results of each step's jobs."""
    word, content = shape
    if word == "list":
        items: list[Any] = []
        for part in content:
            value = assembled(part, results)
            if part[0] == "spread":
                items += value
            else:
                items.append(value)
        return items
    found = results.get(content, [])
    if word == "one":
        return found[0] if found else None
    return found
