"""Durations counted by size, so that any number of such counts add up and still tell quantiles."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from math import ceil, log2

#: Seconds up to which durations are in the first place.
FIRST = 0.001
#: Places for each doubling of a duration: what is told is right to about a fifth.
PER_DOUBLING = 2
#: From 1 ms to 12 days; the last place holds all that is longer.
PLACES = 61


def place_of(seconds: float) -> int:
    """Return the place that a duration is counted in."""
    if seconds <= FIRST:
        return 0
    return min(ceil(log2(seconds / FIRST) * PER_DOUBLING), PLACES - 1)


def longest_in(place: int) -> float:
    """Return the longest duration of a place, in seconds."""
    return float(FIRST * 2 ** (place / PER_DOUBLING))


def quantile(counts: Sequence[int], share: float) -> float | None:
    """Return the seconds that this share of the durations keeps to; None where there are none."""
    passed = [0, *accumulate(counts)]
    wanted = passed[-1] * share
    if not wanted:
        return None
    place = bisect_left(passed, wanted) - 1
    # As if those of one place were spread evenly over it.
    shortest = longest_in(place - 1) if place else 0.0
    within = (wanted - passed[place]) / counts[place]
    return shortest + (longest_in(place) - shortest) * within
