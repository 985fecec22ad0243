"""A stand-in for suppliers: slow, and not always careful about what they send."""

import re
import time
from datetime import UTC, datetime
from typing import TypedDict

#: How long a supplier's server takes to answer, in seconds.
LATENCY = 0.2

#: A line of a feed: words, and a price. It looks harmless, and takes for ever to find out that a
#: long line has no price: there are as many ways to split it into words as there are grains of
#: sand, and it tries them all.
LINE = re.compile(r"(\w+\s?)*: \d+\.\d\d")

#: The supplier who forgot the prices.
CARELESS = "Careless & Sons"


class Visit(TypedDict):
    """When we were connected to a supplier, as ISO 8601."""

    supplier: str
    came: str
    left: str


def visit(supplier: str) -> Visit:
    """Ask a supplier for news, and say from when to when that took."""
    came = datetime.now(UTC)
    time.sleep(LATENCY)
    return Visit(supplier=supplier, came=came.isoformat(), left=datetime.now(UTC).isoformat())


def feed(supplier: str) -> list[str]:
    """Return what a supplier offers, one product to a line."""
    if supplier == CARELESS:
        return ["Garden chair made of larch with two cushions and a table"]
    return ["Garden chair: 49.90", "Garden table: 89.00"]


def readable(lines: list[str]) -> list[str]:
    """Return the lines that are as they should be."""
    return [line for line in lines if LINE.fullmatch(line)]
