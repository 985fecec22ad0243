"""Whether the processes of one command are well, judged by their signs of life."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Vital:
    """What is seen of one process at one moment."""

    name: str
    #: Grows with each sign of life; when it was given is for the one who watches to note.
    beats: int
    #: Why it is not well, whatever its signs of life; empty when nothing is known.
    ailment: str = ""
    #: Whether no sign of life is expected of it any more.
    is_over: bool = False


class Health:
    """Remembers when each process last gave a sign of life. May be asked from any thread.

    A process that has given none yet is well for ``timeout`` seconds. ``vitals`` must return the
    same processes in the same order each time.
    """

    def __init__(
        self,
        vitals: Callable[[], Sequence[Vital]],
        timeout: float,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._vitals, self._timeout, self._clock = vitals, timeout, clock
        self._lock = threading.Lock()
        #: For each process the last beat that was seen, and when it was first seen.
        self._seen: dict[int, tuple[int, float]] = {}

    def look(self) -> list[str]:
        """Note new signs of life, and return what is wrong, one line for each sick process.

        Call it once a second or so: a sign of life is as old as the look that found it.
        """
        with self._lock:
            now = self._clock()
            found = (self._judge(*numbered, now) for numbered in enumerate(self._vitals()))
            return [line for line in found if line]

    def _judge(self, place: int, vital: Vital, now: float) -> str:
        beats, since = self._seen.get(place, (None, now))
        if vital.beats != beats:
            beats, since = vital.beats, now
        self._seen[place] = (vital.beats, since)
        if vital.is_over:
            return ""
        if vital.ailment:
            return f"{vital.name}: {vital.ailment}"
        silent = now - since
        if silent > self._timeout:
            return f"{vital.name}: no sign of life for {silent:.0f} seconds"
        return ""
