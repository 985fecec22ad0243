"""python -m tests.torture: kill workers in a scratch database, and audit what they leave."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from benchmarks.arguments import positive
from benchmarks.scratch import scratch_database

#: Seconds without any progress after which nothing more will come: machines may be busy.
PATIENCE = 120.0

if TYPE_CHECKING:
    from tests.lifecycle.conftest import Runjobs
    from tests.torture import limits, pressure, scenarios

    Findings = scenarios.Findings | pressure.Findings | limits.Findings

#: The scenarios, with the jobs and the kills of each unless the command line says otherwise. Of
#: random moments, the jobs are those that wait or run at any moment; of deadlocks, the kills are
#: jobs that are taken from workers.
SCENARIOS = {
    "exactly_once": (5000, 30),
    "at_least_once": (5000, 30),
    "random_moments": (60, 100),
    "deadlocks": (40_000, 1000),
    "limits": (2_000, 60),
}


def main() -> int:
    """Run what the command line names, tell of each, and return 1 if anything was broken."""
    given = _arguments()
    if not sys.platform.startswith("linux"):
        sys.exit("torture: this needs Linux: the processes to kill are found in /proc.")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testproject.settings")
    os.environ.setdefault("DJANGO_JOBS_JOB_PROCESSES", "2")
    # A run that is ended by `timeout` leaves no process and no database either.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    print(f"seed {given.seed}", flush=True)
    is_broken = False
    with scratch_database("torture"):
        for name in given.scenario or SCENARIOS:
            jobs, kills = SCENARIOS[name]
            found = _run(name, given.jobs or jobs, given.kills or kills, Random(given.seed))
            print(found.line, flush=True)
            for broken in found.broken:
                print(f"    {broken}", flush=True)
            is_broken = is_broken or bool(found.broken)
    return int(is_broken)


def _run(name: str, jobs: int, kills: int, random: Random) -> Findings:
    # Not before there is a database: they import models.
    from tests import threads
    from tests.lifecycle.conftest import Runjobs
    from tests.torture import scenarios

    threads.DEADLINE = PATIENCE
    _empty()
    scenario = getattr(scenarios, name)
    with ExitStack() as stack:
        logs = Path(tempfile.mkdtemp(prefix=f"torture-{name}-"))
        started: list[Runjobs] = []

        def start(*flags: str) -> Runjobs:
            started.append(Runjobs(*flags, log=logs / f"runjobs-{len(started)}.log"))
            stack.callback(started[-1].destroy)
            return started[-1]

        try:
            found: Findings = scenario(start, jobs, kills, random)
        except BaseException:
            print(f"{name}: BROKEN. What the workers printed is in {logs}", flush=True)
            raise
    if found.broken:
        print(f"What the workers printed is in {logs}", flush=True)
    else:
        _remove(logs)
    return found


def _remove(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def _empty() -> None:
    """Leave nothing of what was run before."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE django_jobs_job, django_jobs_worker, ledger_effect RESTART IDENTITY"
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="torture", description=__doc__)
    parser.add_argument(
        "scenario", nargs="*", choices=[*SCENARIOS, []], metavar="scenario",
        help=f"{', '.join(SCENARIOS)}; all of them unless given",
    )  # fmt: skip
    parser.add_argument(
        "--jobs", type=positive, help="jobs of each scenario (5000; 60 at a time; 40,000)"
    )
    parser.add_argument("--kills", type=positive, help="kills of each scenario (30; 100; 1000)")
    parser.add_argument("--seed", type=int, default=1, help="what decides who dies, and when (1)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
