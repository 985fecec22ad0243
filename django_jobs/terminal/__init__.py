"""What people do to jobs from a terminal: the subcommands of ``manage.py jobs``."""

from django_jobs.terminal.base import Subcommand
from django_jobs.terminal.cancel import Cancel
from django_jobs.terminal.explain import Explain
from django_jobs.terminal.reset import Reset
from django_jobs.terminal.retry import Retry
from django_jobs.terminal.show import Show
from django_jobs.terminal.sync import Sync
from django_jobs.terminal.triggers import Triggers

#: In the order in which --help lists them.
SUBCOMMANDS: tuple[type[Subcommand], ...] = (
    Show, Explain, Retry, Cancel, Triggers, Sync, Reset,
)  # fmt: skip

__all__ = ["SUBCOMMANDS", "Subcommand"]
