"""Job functions that the tests enqueue; hardly any of them is ever run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django_jobs import job

F = TypeVar("F", bound=Callable[..., Any])


def as_if_at_the_top(function: F) -> F:
    """Let a function that a test defines pass for one of its module's own."""
    function.__qualname__ = function.__name__
    return function


@job
def anything(*args: Any, **kwargs: Any) -> None:
    """Take whatever comes."""


@job(queue="mail", priority=5, max_attempts=3, timeout=60)
def send(order_id: int, note: str = "") -> str:
    """Return what was sent."""
    return f"{order_id}{note}"


@job(unique_key=lambda order_id: f"order-{order_id}")
def once_per_order(order_id: int) -> None:
    """Be enqueued once for each order."""


@job(kwargs={"size": 10, "colour": "red"})
def with_defaults(size: int, colour: str) -> None:
    """Have arguments of its own."""


@job
async def coroutine() -> None:
    """Be a coroutine function."""


def undecorated(number: int = 0) -> int:
    """Be nobody's job yet."""
    return number
