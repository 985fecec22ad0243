"""manage.py jobs cancel."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from django_jobs import api
from django_jobs.states import State, sources
from django_jobs.terminal import selection
from django_jobs.terminal.steering import Seen, Steering


class Cancel(Steering):
    """Gives jobs up that have not ended, and asks those that run to stop."""

    name = "cancel"
    help = "Cancel jobs that have not ended. Those that run are asked to stop."
    done = "cancelled"

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare ids, filters and the common flags."""
        selection.add_arguments(parser, sources("cancel"), "all that have not ended")
        super().add_arguments(parser)

    def run(self, given: Mapping[str, Any]) -> int:
        """Cancel, and say how many and which were not."""
        ids = selection.select(given, sources("cancel"), verb="cancel", using=self.using)
        account = self.apply(ids)
        running = sorted(k for k, seen in account.changed.items() if seen.state == State.RUNNING)
        text = account.told(self.done)
        if running:
            verb = "was running and is" if len(running) == 1 else "were running and are"
            text += f"; {len(running):,} of them {verb} asked to stop"
        return self.report(account, text, asked_to_stop=running)

    def steer(self, ids: Sequence[int]) -> int:
        """Cancel a batch."""
        return api.cancel(ids, using=self.using)

    def has_moved(self, before: Seen, after: Seen) -> bool:
        """Return whether it was live and is cancelled now."""
        return before.state in sources("cancel") and after.state == State.CANCELLED

    def refusal(self, seen: Seen) -> str:
        """Return that it had ended: there is no other reason."""
        return "had already ended"
