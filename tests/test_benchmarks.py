"""The benchmarks run, do the work that they time, and say how it compares."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from benchmarks.measure import compare

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.volume
def test_every_benchmark_prints_a_ratio_and_leaves_no_database_behind():
    # One run for all: what takes time is not the jobs but the processes.
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--jobs", "2", "--rounds", "1", "--json"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    ratios = {found["name"]: found["ratio"] for found in json.loads(done.stdout)}
    assert list(ratios) == [
        "drain",
        "enqueue",
        "enqueue with kwargs",
        "bulk",
        "bulk, specs included",
        "latency",
        "memory",
        "process",
        "coroutines",
        "context",
        "limits",
        "hot_key",
        "tenants",
        "schedules",
        "fan_in",
        "fan_in, writes of steps",
    ]
    assert all(ratio > 0 for ratio in ratios.values())
    scratch = re.search(r"^database: (\S+)$", done.stderr, re.MULTILINE)
    assert scratch is not None
    assert scratch[1] not in databases()


def test_a_line_says_the_ratio_the_goal_and_whether_it_is_reached():
    good = compare("drain", 6_200, 10_000, to="the bare loop", goal=0.45)
    poor = compare("drain", 4_400, 10_000, to="the bare loop", goal=0.45)

    assert good.line() == ("drain: 0.62 of the bare loop (goal 0.45), 6,200/s beside 10,000/s  ok")
    assert poor.line().endswith("  MISSED")


def databases() -> set[str]:
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
