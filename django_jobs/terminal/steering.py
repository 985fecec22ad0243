"""A verb applied to jobs from a terminal, with an honest account of what it did to each."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from django_jobs import wording
from django_jobs.models import Job
from django_jobs.terminal.base import NOTHING, Subcommand

#: Jobs that are looked at by one statement.
BATCH = 1_000


class Seen(NamedTuple):
    """What a row said at one moment."""

    state: str
    claims: int


class Account(NamedTuple):
    """What has become of the jobs: each with what its row said before."""

    changed: dict[int, Seen]
    #: Why not, and which.
    left: dict[str, list[int]]

    def told(self, done: str) -> str:
        """Return it in one sentence."""
        parts = [f"{len(self.changed):,} {done}"]
        for reason, ids in self.left.items():
            parts.append(f"{len(ids):,} {reason} ({wording.ids(ids)})")
        return ", ".join(parts)


class Steering(Subcommand):
    """Moves jobs by one verb of the api, a batch at a time."""

    #: What the verb has made of a job: "cancelled".
    done: ClassVar[str]

    @abstractmethod
    def steer(self, ids: Sequence[int]) -> int:
        """Apply the verb, and return how many jobs it has moved."""

    @abstractmethod
    def refusal(self, seen: Seen) -> str:
        """Return why a job that was seen like this was not moved."""

    def apply(self, ids: Sequence[int]) -> Account:
        """Apply the verb to jobs, and find out what it did to each."""
        account = Account({}, {})
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH]
            before = self._look(batch)
            self.steer(batch)
            after = self._look(batch)
            for key in batch:
                if key not in before or key not in after:
                    account.left.setdefault("gone meanwhile", []).append(key)
                elif self.has_moved(before[key], after[key]):
                    account.changed[key] = before[key]
                else:
                    account.left.setdefault(self.refusal(after[key]), []).append(key)
        return account

    @abstractmethod
    def has_moved(self, before: Seen, after: Seen) -> bool:
        """Return whether the verb has moved a job that was seen like this, before and after."""

    def report(self, account: Account, text: str, **more: Any) -> int:
        """Say what has become of the jobs, and return the exit code."""
        left = [{"id": key, "reason": why} for why, ids in account.left.items() for key in ids]
        self.output.say(f"{text}.", {self.done: sorted(account.changed), "left": left, **more})
        return 0 if account.changed else NOTHING

    def _look(self, ids: Sequence[int]) -> Mapping[int, Seen]:
        rows = Job.objects.using(self.using).filter(pk__in=ids)
        return {
            key: Seen(state, claims)
            for key, state, claims in rows.values_list("pk", "state", "claims")
        }
