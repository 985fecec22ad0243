"""The other jobs that a job has to do with, on its page: with links."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from django_jobs import surroundings
from django_jobs.admin import display
from django_jobs.models import Job
from django_jobs.surroundings import Linked

#: Jobs of one kind that are shown.
SHOWN = 50


class Relations:
    """What made a job, what it has made, what it waits for, and what waits for it."""

    def relations(self, job: Job) -> list[Any]:
        """Return a group of fields for those that there are."""
        kinds = {
            "shown_parent": self._parent(job),
            "shown_children": self._children(job),
            "shown_awaited": surroundings.awaited_by(job, using=_alias(job)),
            "shown_waiting": surroundings.waiting_for(job, using=_alias(job)),
            "shown_ended_by": self._ended_by(job),
        }
        fields = [name for name, jobs in kinds.items() if jobs]
        return [(_("Other jobs"), {"fields": fields})] if fields else []

    @admin.display(description=_("made by"))
    def shown_parent(self, job: Job) -> SafeString:
        """Return the job that has made it."""
        return display.linked(self._parent(job))

    @admin.display(description=_("has made"))
    def shown_children(self, job: Job) -> SafeString:
        """Return the first jobs that it has made."""
        return display.linked(self._children(job))

    @admin.display(description=_("waits for"))
    def shown_awaited(self, job: Job) -> SafeString:
        """Return the first jobs that it waits for, or has waited for."""
        return display.linked(surroundings.awaited_by(job, using=_alias(job))[:SHOWN])

    @admin.display(description=_("is waited for by"))
    def shown_waiting(self, job: Job) -> SafeString:
        """Return the first jobs that wait for it."""
        return display.linked(surroundings.waiting_for(job, using=_alias(job))[:SHOWN])

    @admin.display(description=_("ended by"))
    def shown_ended_by(self, job: Job) -> SafeString:
        """Return the job whose end has ended it."""
        return display.linked(self._ended_by(job))

    def _parent(self, job: Job) -> list[Linked]:
        return _with_id(job, job.parent_id)

    def _children(self, job: Job) -> list[Linked]:
        return list(_linked(_rows(job).filter(parent_id=job.pk).order_by("pk")[:SHOWN]))

    def _ended_by(self, job: Job) -> list[Linked]:
        return _with_id(job, job.ended_by)


def _with_id(job: Job, key: int | None) -> list[Linked]:
    """Return the job with an id, also where its row is gone; none for None."""
    if key is None:
        return []
    return list(_linked(_rows(job).filter(pk=key))) or [Linked(key, None, None, False)]


def _rows(job: Job) -> QuerySet[Job]:
    return Job.objects.using(_alias(job))


def _linked(rows: QuerySet[Job]) -> Iterator[Linked]:
    for key, name, state in rows.values_list("pk", "name", "state"):
        yield Linked(key, name, state, False)


def _alias(job: Job) -> str:
    return job._state.db or "default"
