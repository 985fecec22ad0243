"""manage.py jobs workflows."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from django_jobs import graphs, wording
from django_jobs.graphs import Graph
from django_jobs.models import Step
from django_jobs.states import WorkflowState
from django_jobs.terminal import moments
from django_jobs.terminal.base import NOTHING, Subcommand, job_id, not_found
from django_jobs.terminal.tables import ago, columns

_FIELDS = ("id", "name", "state", "size", "done", "created_at", "finished_at", "cancelled_at")


class Workflows(Subcommand):
    """Lists workflows, and draws one as a tree."""

    name = "workflows"
    help = "List workflows, the newest first; with an id, draw the steps of one as a tree."

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare which workflows, and the common flags."""
        parser.add_argument(
            "id", nargs="?", type=job_id, metavar="ID", help="One workflow, by its id."
        )
        parser.add_argument(
            "--state",
            action="append",
            choices=WorkflowState.values,
            default=[],
            help="In this state. May be given several times. Default: all.",
        )
        parser.add_argument("--name", metavar="NAME", help="Of this name.")
        parser.add_argument(
            "--limit", type=moments.count, default=20, metavar="N", help="So many. Default: 20."
        )
        parser.add_argument(
            "--after", type=job_id, metavar="ID", help="Go on after this one: list older ones."
        )
        super().add_arguments(parser)

    def run(self, given: Mapping[str, Any]) -> int:
        """List them, or show one."""
        if given["id"] is not None:
            return self._show(given["id"])
        rows, are_more = graphs.newest(
            states=tuple(given["state"]),
            name=given["name"],
            limit=given["limit"],
            after=given["after"],
            using=self.using,
        )
        following = rows[-1]["id"] if are_more else None
        told = [{name: row[name] for name in _FIELDS} for row in rows]
        self.output.say(_table(told, following), {"workflows": told, "next": following})
        return 0 if rows else NOTHING

    def _show(self, key: int) -> int:
        found = graphs.graph(key, using=self.using)
        if found is None:
            raise not_found(f"There is no workflow #{key}: it was pruned, or it never was.")
        self.output.say("\n".join(_tree(found)), _data(found))
        return 0


def _table(rows: list[dict[str, Any]], following: int | None) -> str:
    if not rows:
        return "No workflow was found."
    cells = [
        (
            str(row["id"]),
            row["state"],
            row["name"],
            f"{row['done']:,} of {row['size']:,}",
            ago(row["created_at"]),
            ago(row["finished_at"]),
        )
        for row in rows
    ]
    text = columns(("ID", "STATE", "NAME", "DONE", "CREATED", "ENDED"), cells, right="0")
    return text if following is None else f"{text}\nThere are more: add --after {following}."


def _tree(found: Graph) -> Iterator[str]:
    """Yield the steps below those that they come after.

    A step that comes after several stands below the last of them, with the names of all.
    """
    workflow = found.workflow
    done = sum(step.done for step in found.steps if step.kind != Step.Kind.CLEANUP)
    yield (
        f"{workflow.name} #{workflow.pk}: {workflow.state}, {done:,} of "
        f"{wording.counted(workflow.size, 'job')} done"
    )
    names = {step.pk: step.name for step in found.steps}
    below: dict[int | None, list[Step]] = {}
    for step in found.steps:
        before = found.before.get(step.pk, [])
        # Positions grow along the edges, and so do ids: no circle can come of it.
        below.setdefault(max(before, default=None), []).append(step)
    waiting = [(step, "", step is below[None][-1]) for step in reversed(below.get(None, []))]
    while waiting:
        step, margin, is_last = waiting.pop()
        more = found.before.get(step.pk, [])
        after = f", after {wording.listed([names[key] for key in more])}" if len(more) > 1 else ""
        yield f"{margin}{'└─' if is_last else '├─'} {_told(step)}{after}"
        inner = margin + ("   " if is_last else "│  ")
        children = below.get(step.pk, [])
        waiting += [(child, inner, child is children[-1]) for child in reversed(children)]


def _told(step: Step) -> str:
    if step.kind == Step.Kind.JOIN:
        return f"{step.name} (join): {step.state}"
    kind = " (clean-up)" if step.kind == Step.Kind.CLEANUP else ""
    failed = f", {step.jobs_failed:,} failed" if step.jobs_failed else ""
    function = f" [{step.function}]" if step.function and step.function != step.name else ""
    return f"{step.title}{kind}{function}: {step.state}{failed}"


def _data(found: Graph) -> dict[str, Any]:
    workflow = found.workflow
    names = {step.pk: step.name for step in found.steps}
    done = sum(step.done for step in found.steps if step.kind != Step.Kind.CLEANUP)
    return {
        **{name: getattr(workflow, name) for name in _FIELDS if name != "done"},
        "done": done,
        "meta": workflow.meta,
        "steps": [
            {
                "name": step.name,
                "kind": step.kind,
                "function": step.function,
                "state": step.state,
                "size": step.size,
                "done": step.done,
                "failed": step.jobs_failed,
                "after": [names[key] for key in found.before.get(step.pk, []) if key in names],
            }
            for step in found.steps
        ],
    }
