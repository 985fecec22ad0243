"""What is said of queues: in the settings, and in their rows, which go over them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from django_jobs.exceptions import InvalidOption, did_you_mean
from django_jobs.limits import QueuePolicy
from django_jobs.options import check_count, check_name, check_tags
from django_jobs.rates import Rate, check_rate

#: In which order a worker serves its queues: by the priorities of their jobs alone; one queue
#: before the next; or each by its share.
ORDERS = ("priority", "strict", "weighted")

_CHECKS: dict[str, Callable[[Any], Any]] = {
    "concurrency": lambda value: check_count(value, "concurrency"),
    "max_running": lambda value: check_count(value, "max_running"),
    "rate_limit": lambda value: check_rate(value, "rate_limit"),
    "weight": lambda value: check_count(value, "weight"),
    "tags": lambda value: check_tags(value, "tags"),
}


class QueueRow(Protocol):
    """What the row of a queue says; None is as the settings say."""

    name: str
    concurrency: int | None
    max_running: int | None
    rate_limit: str | None
    rate_burst: int | None
    weight: int | None
    tags: list[str] | None


def check_queues(given: object) -> dict[str, QueuePolicy]:
    """Return the policies that QUEUES declares: a list of names, or a dict from name to options."""
    if isinstance(given, Mapping):
        return {check_name(name, "QUEUES"): _policy(name, said) for name, said in given.items()}
    if isinstance(given, str) or not isinstance(given, list | tuple | set | frozenset):
        raise InvalidOption(f"QUEUES must be a list of names or a dict of them, not {given!r}.")
    return {check_name(name, "QUEUES"): QueuePolicy() for name in given}


def check_order(value: object) -> str:
    """Return an order of queues, or raise InvalidOption with the nearest."""
    if value not in ORDERS:
        raise InvalidOption(
            f"QUEUE_ORDER must be one of {', '.join(ORDERS)}, not {value!r}."
            f"{did_you_mean(str(value), ORDERS)}"
        )
    return str(value)


def _policy(name: str, said: object) -> QueuePolicy:
    if not isinstance(said, Mapping):
        raise InvalidOption(f"QUEUES[{name!r}] must be a dict of options, not {said!r}.")
    for option in said:
        if option not in _CHECKS:
            raise InvalidOption(
                f"QUEUES[{name!r}] has no option {option!r}.{did_you_mean(str(option), _CHECKS)} "
                f"The options are: {', '.join(sorted(_CHECKS))}."
            )
    try:
        checked = {
            option: _CHECKS[option](value) for option, value in said.items() if value is not None
        }
    except InvalidOption as error:
        raise InvalidOption(f"QUEUES[{name!r}]: {error}") from None
    if "rate_limit" in checked:
        checked["rate"] = checked.pop("rate_limit")
    return QueuePolicy(**checked)


def policy_of(row: QueueRow, declared: QueuePolicy) -> QueuePolicy:
    """Return what holds for a queue: what its row says, else what is declared."""
    said: dict[str, Any] = {
        "concurrency": row.concurrency,
        "max_running": row.max_running,
        "rate": _rate(row),
        "weight": row.weight,
        "tags": None if row.tags is None else tuple(row.tags),
    }
    return declared._replace(**{name: value for name, value in said.items() if value is not None})


def _rate(row: QueueRow) -> Rate | None:
    if not row.rate_limit:
        return None
    return check_rate(row.rate_limit, "rate_limit")._replace(burst=row.rate_burst)


def carries(tags: Iterable[str], wanted: tuple[str, ...]) -> bool:
    """Return whether a worker with ``tags`` serves a queue that wants one of ``wanted``.

    Each is a regular expression for a whole tag. A queue that wants none is served by all.
    """
    return not wanted or any(re.fullmatch(one, tag) for one in wanted for tag in tags)
