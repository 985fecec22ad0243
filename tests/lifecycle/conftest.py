"""Real worker processes on the test database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from django_jobs.models import Worker
from tests.databases import url_of_server, url_of_test_database

CHECKOUT = Path(__file__).resolve().parents[2]

#: Seconds: workers that are found dead soon, so that tests of it are short.
HEARTBEAT_INTERVAL, HEARTBEAT_TIMEOUT = 0.25, 1.5


class Runjobs:
    """One ``manage.py runjobs`` in a process group of its own."""

    def __init__(self, *flags: str, log: Path) -> None:
        self.log = log
        with log.open("w") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "runjobs", *flags],
                cwd=CHECKOUT,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process itself, not to its children."""
        self.process.send_signal(number)

    def ends(self, within: float = 30) -> int:
        """Return the exit code, or fail with what was printed when the process goes on."""
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it goes on:\n{self.output}") from None

    @property
    def output(self) -> str:
        """Return what was printed so far."""
        return self.log.read_text()

    def destroy(self) -> None:
        """Kill the process and all of its children."""
        for number in (signal.SIGCONT, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                break
        self.process.wait(10)


def environment() -> dict[str, str]:
    return {
        "DJANGO_JOBS_HEARTBEAT_INTERVAL": str(HEARTBEAT_INTERVAL),
        "DJANGO_JOBS_HEARTBEAT_TIMEOUT": str(HEARTBEAT_TIMEOUT),
        "DJANGO_JOBS_POLL_INTERVAL": "0.2",
        **os.environ,
        "DATABASE_URL": url_of_test_database(),
    }


@pytest.fixture
def runjobs(transactional_db: None, tmp_path: Path) -> Iterator[Callable[..., Runjobs]]:
    """Return a function that starts ``manage.py runjobs``; what it started ends with the test."""
    started: list[Runjobs] = []

    def start(*flags: str) -> Runjobs:
        started.append(Runjobs(*flags, log=tmp_path / f"runjobs-{len(started)}.log"))
        return started[-1]

    yield start
    for process in started:
        process.destroy()


@pytest.fixture
def past_proxy(monkeypatch):
    """Let processes that are started talk to the server itself: LISTEN needs a session."""
    monkeypatch.setenv("DATABASE_URL", url_of_server())


@pytest.fixture(params=["told by NOTIFY", "found by the heart"])
def channel(request, settings, monkeypatch):
    """Let workers hear of orders by NOTIFY alone, or by looking at each heartbeat alone."""
    listens = request.param == "told by NOTIFY"
    if listens:
        request.getfixturevalue("past_proxy")
    monkeypatch.setenv("DJANGO_JOBS_LISTEN", str(listens))
    interval = 30 if listens else HEARTBEAT_INTERVAL
    monkeypatch.setenv("DJANGO_JOBS_HEARTBEAT_INTERVAL", str(interval))
    monkeypatch.setenv("DJANGO_JOBS_HEARTBEAT_TIMEOUT", str(4 * interval))
    settings.DJANGO_JOBS = {"LISTEN": listens}


def worker_pids() -> list[int]:
    """Return the process ids of the registered workers."""
    return list(Worker.objects.order_by("pk").values_list("pid", flat=True))
