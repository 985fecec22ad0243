"""What the triggers of the depot enqueue."""

from __future__ import annotations

from typing import Any

from django_jobs import job


@job(queue="depot", max_attempts=3)
def weigh(parcel: int) -> int:
    """Return the parcel that is to be weighed."""
    return parcel


@job
def tell(parcel: int, before: str | None, after: str = "gone", by: str = "nobody") -> list[Any]:
    """Return what somebody is told."""
    return [parcel, before, after, by]


@job(priority=-5, timeout=30, kwargs={"year": 2026})
def count(ids: list[int] | None, count: int, operation: str, table: str, year: int) -> int:
    """Return how many there were."""
    return count


@job
def hand_back(**values: Any) -> dict[str, Any]:
    """Return what was given."""
    return values
