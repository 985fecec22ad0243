"""Many threads that do something at the same moment, and waiting for what others do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connections

#: Seconds after which what a test waits for will not come any more.
DEADLINE = 20.0


def at_once(*calls: Callable[[], Any], within: float | None = None) -> list[Any]:
    """Start each call in a thread of its own at one moment; return their results in order.

    Fail when one of them takes more than ``within`` seconds: DEADLINE unless given.
    """
    gate = threading.Barrier(len(calls), timeout=DEADLINE)

    def through_gate(call: Callable[[], Any]) -> Any:
        try:
            gate.wait()
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as threads:
        futures = [threads.submit(through_gate, call) for call in calls]
        return [future.result(within or DEADLINE) for future in futures]


def wait_until(condition: Callable[[], Any]) -> None:
    """Return as soon as the condition holds; fail when it does not within the deadline."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "this never came true"
        threading.Event().wait(0.01)
