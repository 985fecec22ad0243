"""Rounds of both sides in turn, and what their figures say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any

from benchmarks import child

#: Called after each timed run with its name; raises unless the work was done.
Check = Callable[[str], None]


@dataclass(frozen=True)
class Finding:
    """What one benchmark found, in words and in figures."""

    name: str
    said: str
    #: Whether the goal is reached; None where there is none.
    is_met: bool | None = None
    figures: dict[str, float] = field(default_factory=dict)

    def line(self) -> str:
        """Return the finding for people."""
        verdict = {True: "  ok", False: "  MISSED", None: ""}[self.is_met]
        return f"{self.name}: {self.said}{verdict}"

    def as_json(self) -> dict[str, Any]:
        """Return the finding for programs."""
        return {"name": self.name, "said": self.said, "ok": self.is_met, **self.figures}


@dataclass(frozen=True)
class Rounds:
    """What both sides measured, round by round."""

    library: list[dict[str, Any]]
    bare: list[dict[str, Any]]


def in_turn(
    what: str, jobs: int, rounds: int, *, before: Callable[[], None], after: Check
) -> Rounds:
    """Run both sides in each round, and let another begin each time."""
    measured = Rounds([], [])
    for number in range(rounds):
        for side in ("library", "bare") if number % 2 == 0 else ("bare", "library"):
            before()
            getattr(measured, side).append(child.run(side, what, jobs))
            after(f"{what} by the {side} side, round {number + 1}")
    return measured


def rate(measured: Sequence[dict[str, Any]], jobs: int, *parts: str) -> float:
    """Return the jobs per second of the median round; ``parts`` of its time are added up."""
    took = [float(sum(one[part] for part in parts or ("seconds",))) for one in measured]
    return jobs / median(took)


def compare(name: str, library: float, bare: float, *, to: str, goal: float | None) -> Finding:
    """Return the ratio of two rates beside its goal."""
    ratio = library / bare
    aim = "" if goal is None else f" (goal {goal:.2f})"
    return Finding(
        name,
        f"{ratio:.2f} of {to}{aim}, {library:,.0f}/s beside {bare:,.0f}/s",
        None if goal is None else ratio >= goal,
        {"ratio": round(ratio, 3), "library_per_s": round(library), "bare_per_s": round(bare)},
    )


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Return p50, p95 and p99."""
    cuts = quantiles(values, n=100, method="inclusive")
    return {f"p{percent}": cuts[percent - 1] for percent in (50, 95, 99)}
