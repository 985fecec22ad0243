"""Waiting for a row that others bring to its end."""

from __future__ import annotations

import time
from typing import Self

from asgiref.sync import sync_to_async
from django.core.exceptions import ObjectDoesNotExist
from django.db import connections, models

from django_jobs.durations import Duration, seconds
from django_jobs.exceptions import JobGone, WaitInTransaction, WaitTimeout

#: Seconds between two looks while waiting: grows from the first to the second.
_FIRST_LOOK, _LONGEST_LOOK = 0.005, 0.25


class Waitable(models.Model):
    """A row with a state that comes to an end."""

    class Meta:
        abstract = True

    @property
    def is_finished(self) -> bool:
        """Return whether it has ended, well or not."""
        raise NotImplementedError

    def wait(self, timeout: Duration | None = None) -> Self:
        """Wait until it has ended and return it, refreshed.

        Raise WaitTimeout after ``timeout`` (seconds or a timedelta), JobGone when the row was
        pruned meanwhile, WaitInTransaction where no worker could see it.
        """
        deadline = time.monotonic() + (
            float("inf") if timeout is None else seconds(timeout, "timeout")
        )
        pause = _FIRST_LOOK
        while not self._look().is_finished:
            if connections[self._state.db or "default"].in_atomic_block:
                raise WaitInTransaction(
                    f"{self} is waited for inside a transaction, so no worker can see it or tell "
                    f"of its end: leave the atomic block first."
                )
            left = deadline - time.monotonic()
            if left <= 0:
                state = self.state  # type: ignore[attr-defined]
                raise WaitTimeout(f"{self} was still {state} after {timeout} seconds.")
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, _LONGEST_LOOK)
        return self

    async def await_(self, timeout: Duration | None = None) -> Self:  # noqa: ASYNC109 - wait()'s
        """See wait()."""
        return await sync_to_async(self.wait)(timeout)

    def _look(self) -> Self:
        try:
            # Named, or what is deferred, as the state is on a row that enqueue() has returned,
            # would be read by a query of its own, later than the rest.
            names = [field.name for field in self._meta.concrete_fields]
            self.refresh_from_db(using=self._state.db, fields=names)
        except ObjectDoesNotExist:
            raise JobGone(f"{self} has ended and its row was deleted.") from None
        return self
