"""Jobs whose parameters take some values only, for each way to say so, and for each executor."""

from __future__ import annotations

import os
import time
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Literal

from asgiref.sync import sync_to_async
from django.db import models

from django_jobs import job
from testproject.ledger.models import Effect


class Colour(models.TextChoices):
    """What walls are painted in."""

    RED = "red", "Red as a rose"
    GREEN = "green"
    BLUE = "blue"


class Coats(Enum):
    """How many layers."""

    ONE = 1
    TWO = 2


@job(write_all=["colour", "size"], max_attempts=5)
def paint(label: str, colour: Colour, size: [1, 2, 3] = 1) -> str:  # type: ignore[valid-type]
    """Paint a wall,
    and leave one effect.

    It dries by itself.

    :param label: what it is called
    :param colour: the colour,
        as the shop names it
    :param size: metres
    """
    _leave(f"{label} {colour.value} {size}")
    return type(colour).__name__


@job(write_all=True)
async def paint_async(label: str, colour: Colour, size: Literal[1, 2, 3] = 1) -> None:
    """Paint from a coroutine."""
    await sync_to_async(_leave)(f"{label} {colour.value} {size}")


@job(write_all="colour", executor="process", type_key="house")
def paint_in_process(label: str, colour: Colour, size: Literal[1, 2, 3] = 1) -> None:
    """Paint in a process."""
    _leave(f"{label} {colour.value} {size}")


@job(write_all=True, max_attempts=20, backoff=0)
def paint_slowly(label: str, wall: Literal["north", "south"], seconds: float = 0.05) -> None:
    """Take a while, then leave one effect."""
    time.sleep(seconds)
    _leave(f"{label} {wall}")


@job(queue="orders", priority=7, max_attempts=3, timeout=30, kwargs={"day": date(2026, 11, 22)})
def order(
    colour: Literal["red", "green"],
    litres: float,
    price: Decimal | None = None,
    coats: Coats = Coats.ONE,
    day: date = date(2026, 1, 1),
    urgent: bool = False,
) -> None:
    """Order paint.

    Args:
        litres: how much,
            at least
        price (Decimal): what one may cost
    """


@job(unique_key="inventory", max_running=1, units=3)
def count_cans() -> None:
    """Count what is left."""


@job(unique_key=lambda shelf: f"shelf-{shelf}")
def count_shelf(shelf: int) -> None:
    """Count one shelf."""


def _leave(label: str) -> None:
    Effect.objects.create(label=label, pid=os.getpid())
