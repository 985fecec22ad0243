"""What a worker does about the orders in its row."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django_jobs.orders import Order

logger = logging.getLogger("django_jobs")


class Conduct:
    """Hears orders in the heart's thread, and has the worker's loop obey them."""

    def __init__(self, worker: str, *, stop: Callable[[], None], wake: Callable[[], None]) -> None:
        self._worker, self._stop, self._wake = worker, stop, wake
        self._order = Order.NONE
        #: What the loop has taken up: from then on it claims nothing more, or claims again.
        self.obeys = Order.NONE

    @property
    def may_claim(self) -> bool:
        """Return whether no order keeps the worker from claiming jobs."""
        return self._order == Order.NONE

    def hear(self, word: str) -> None:
        """Take an order from the row; one of a newer release, which is unknown, changes nothing."""
        if word == self._order or word not in set(Order):
            return
        self._order = Order(word)
        logger.info("worker.told name=%s order=%s", self._worker, word or "work")
        if self._order == Order.STOP:
            self.obeys = self._order
            self._stop()
        self._wake()

    def take_up(self) -> bool:
        """Obey what was heard, in the worker's loop; return whether that is news."""
        is_news = self.obeys != self._order
        self.obeys = self._order
        return is_news
