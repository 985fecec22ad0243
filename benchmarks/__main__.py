"""python -m benchmarks [name …]: what is measured, in a scratch database of its own."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from typing import Any

from benchmarks import (
    bulk,
    coroutines,
    drain,
    enqueue,
    fan_in,
    hot_key,
    latency,
    memory,
    schedules,
    tenants,
    variants,
)
from benchmarks.arguments import positive
from benchmarks.scratch import scratch

BENCHMARKS: dict[str, Any] = {
    "drain": drain,
    "enqueue": enqueue,
    "bulk": bulk,
    "latency": latency,
    "memory": memory,
    "process": variants.process,
    "coroutines": coroutines,
    "context": variants.context,
    "limits": variants.limits,
    "hot_key": hot_key,
    "tenants": tenants,
    "schedules": schedules,
    "fan_in": fan_in,
}


def main() -> None:
    """Run what the command line names, and print what it found."""
    given = _arguments()
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    if not os.environ.get("DATABASE_URL"):
        sys.exit(
            "DATABASE_URL is not set. To measure on a server started for it: "
            "python scripts/with_postgres.py -- python -m benchmarks drain"
        )
    # A run that is ended by `timeout` drops its database too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    findings = []
    with scratch() as database:
        for name in given.benchmark or BENCHMARKS:
            benchmark = BENCHMARKS[name]
            for found in benchmark.run(database, given.jobs or benchmark.JOBS, given.rounds):
                findings.append(found.as_json())
                if not given.json:
                    print(found.line(), flush=True)
    if given.json:
        print(json.dumps(findings, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "benchmark", nargs="*", choices=[*BENCHMARKS, []], metavar="benchmark",
        help=f"{', '.join(BENCHMARKS)}; all of them unless given",
    )  # fmt: skip
    parser.add_argument("--jobs", type=positive, help="jobs in each round")
    parser.add_argument("--rounds", type=positive, default=3, help="rounds of each side (3)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
