"""What is done to many jobs at once: which states it is for, by what, and in which words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from django_jobs import api
from django_jobs.states import LIVE, WAITING, State, sources

#: A text that is translated when it is shown.
Text = str | Promise


@dataclass(frozen=True)
class Verb:
    """One action, as the admin offers and tells it."""

    #: What is asked of the user, as a title.
    question: Text
    #: What it does to a job.
    meaning: Text
    #: For one job and for many, with ``%(n)s`` for how many.
    done: Callable[[int], Text]
    #: States of the jobs that it is for.
    states: frozenset[State]
    #: The label of the button that confirms it.
    button: Text
    #: Why it may have left a job that it is for, without anybody else's doing.
    excuse: Text
    apply: Callable[[Sequence[int], int, str], int]
    #: Whether it needs a number: the priority.
    takes_priority: bool = False


RETRY = Verb(
    _("Retry jobs?"),
    _("Failed and cancelled jobs become ready, with all their attempts. Their errors stay."),
    lambda n: ngettext_lazy("%(n)s job was put back.", "%(n)s jobs were put back.", n),
    frozenset(sources("retry")),
    _("Retry them"),
    _("another job has their unique key, or their workflow is being cleaned up"),
    lambda ids, _priority, using: api.retry(ids, using=using),
)
CANCEL = Verb(
    _("Cancel jobs?"),
    _("Jobs that wait never run. Those that run are asked to stop, and their end is not recorded."),
    lambda n: ngettext_lazy("%(n)s job was cancelled.", "%(n)s jobs were cancelled.", n),
    LIVE,
    _("Cancel them"),
    _("somebody else was faster"),
    lambda ids, _priority, using: api.cancel(ids, using=using),
)
RUN_NOW = Verb(
    _("Run jobs now?"),
    _("Scheduled jobs are due at once: those that are not due yet, and next attempts."),
    lambda n: ngettext_lazy("%(n)s job is due now.", "%(n)s jobs are due now.", n),
    frozenset(sources("expedite")),
    _("Run them now"),
    _("somebody else was faster"),
    lambda ids, _priority, using: api.expedite(ids, using=using),
)
REPRIORITIZE = Verb(
    _("Change the priority of jobs?"),
    _("Jobs that wait get another priority. A higher one runs first."),
    lambda n: ngettext_lazy(
        "%(n)s job has another priority.", "%(n)s jobs have another priority.", n
    ),
    WAITING,
    _("Change their priority"),
    _("they had this priority already, or go strictly one after the other"),
    lambda ids, priority, using: api.reprioritize(ids, priority, using=using),
    takes_priority=True,
)
