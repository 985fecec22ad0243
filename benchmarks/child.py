"""Processes of their own for what is measured: neither side pays for what the other has loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
#: Seconds that anything may take before it is taken to hang.
PATIENCE = 600.0


def run(side: str, what: str, jobs: int) -> dict[str, Any]:
    """Run one benchmark of one side to its end, and return what it measured."""
    done = subprocess.run(
        _command(side, what, jobs), cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=PATIENCE
    )
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


@contextmanager
def running(side: str, what: str) -> Iterator[int]:
    """Run a process that serves until it is told to stop, and give its id."""
    with subprocess.Popen(_command(side, what), cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        try:
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()


def _command(side: str, what: str, *jobs: int) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.{side}", what, *map(str, jobs)]
