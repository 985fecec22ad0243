"""manage.py jobs retry."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from django_jobs import api
from django_jobs.states import LIVE, State, sources
from django_jobs.terminal import selection
from django_jobs.terminal.steering import Seen, Steering


class Retry(Steering):
    """Gives failed and cancelled jobs all their attempts again."""

    name = "retry"
    help = "Make failed and cancelled jobs ready again, with all their attempts."
    done = "retried"

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare ids, filters and the common flags."""
        selection.add_arguments(parser, sources("retry"), State.FAILED.value)
        super().add_arguments(parser)

    def run(self, given: Mapping[str, Any]) -> int:
        """Retry, and say how many and which were not."""
        # Somebody gave the cancelled ones up on purpose: filters find them if told to.
        ids = selection.select(given, {State.FAILED}, verb="retry", using=self.using)
        account = self.apply(ids)
        return self.report(account, account.told(self.done))

    def steer(self, ids: Sequence[int]) -> int:
        """Retry a batch."""
        return api.retry(ids, using=self.using)

    def has_moved(self, before: Seen, after: Seen) -> bool:
        """Return whether it had ended, and changed hands: by now it may have ended again."""
        return before.state in sources("retry") and after.claims > before.claims

    def refusal(self, seen: Seen) -> str:
        """Return why it stayed as it was."""
        if seen.state in LIVE:
            return "had not ended"
        if seen.state in sources("retry"):
            return "left, since another job holds its unique key"
        return "had succeeded"
