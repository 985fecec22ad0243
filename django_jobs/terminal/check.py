"""manage.py jobs check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django_jobs import fitness, wording
from django_jobs.fitness import Problem
from django_jobs.terminal.base import NOTHING, Subcommand


class Check(Subcommand):
    """Says whether this code can run all that waits in a database."""

    name = "check"
    help = (
        "Bind all jobs that wait, and all schedules, to the job functions of this code, and leave "
        "with 1 if some cannot be run."
    )

    def run(self, given: Mapping[str, Any]) -> int:
        """Check, and list what does not fit."""
        verdict = fitness.judge(using=self.using)
        looked_at = (
            f"{wording.counted(verdict.jobs, 'job')} and "
            f"{wording.counted(verdict.schedules, 'schedule')} wait"
        )
        if not verdict.problems:
            text = f"{looked_at}, and this code can run all of them."
        else:
            bad = wording.counted(len(verdict.problems), "problem")
            text = "\n".join([f"{looked_at}. {bad}:", *map(_told, verdict.problems)])
        self.output.say(text, {**asdict(verdict), "fit": not verdict.problems})
        return NOTHING if verdict.problems else 0


def _told(problem: Problem) -> str:
    match problem.kind:
        case "job":
            named = wording.listed([f"#{key}" for key in problem.examples], problem.count)
            who = f"{wording.counted(problem.count, 'job')} ({named})"
        case "schedule":
            who = f"the schedule {problem.examples[0]!r}"
        case _:
            who = "a dependency"
    return f"- {problem.function}: {who}: {problem.text}"
