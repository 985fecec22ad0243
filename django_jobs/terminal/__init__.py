"""What people do to jobs from a terminal: the subcommands of ``manage.py jobs``."""

from django_jobs.terminal.base import Subcommand
from django_jobs.terminal.cancel import Cancel
from django_jobs.terminal.check import Check
from django_jobs.terminal.enqueue import Enqueue
from django_jobs.terminal.explain import Explain
from django_jobs.terminal.failures import Failures
from django_jobs.terminal.indexing import IndexArguments
from django_jobs.terminal.listing import List
from django_jobs.terminal.pausing import Pause, Resume
from django_jobs.terminal.prune import Prune
from django_jobs.terminal.reset import Reset
from django_jobs.terminal.retry import Retry
from django_jobs.terminal.schedules import Schedules
from django_jobs.terminal.show import Show
from django_jobs.terminal.statistics import Stats
from django_jobs.terminal.sync import Sync
from django_jobs.terminal.top import Top
from django_jobs.terminal.triggers import Triggers
from django_jobs.terminal.workflows import Workflows

#: In the order in which --help lists them.
SUBCOMMANDS: tuple[type[Subcommand], ...] = (
    Stats, Top, List, Show, Explain, Failures, Enqueue, Retry, Cancel, Pause, Resume, Schedules,
    Workflows, Prune, Check, Triggers, Sync, IndexArguments, Reset,
)  # fmt: skip

__all__ = ["SUBCOMMANDS", "Subcommand"]
