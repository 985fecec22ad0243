"""The other jobs that a job has to do with, on its page: those that the user may see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from django_jobs import surroundings
from django_jobs.admin import access
from django_jobs.admin.job.sight import Sight
from django_jobs.models import Job
from django_jobs.states import State
from django_jobs.surroundings import Linked

#: Jobs of one kind that are shown.
SHOWN = 50


class Relation(NamedTuple):
    """Jobs that one job has to do with in one way."""

    label: str
    jobs: list[Linked]
    #: How many more there are that the user may not see.
    unseen: int = 0
    #: Whether there are more than are shown.
    is_cut: bool = False

    @property
    def shown(self) -> Iterator[tuple[Linked, str]]:
        """Yield the jobs, each with the name of its state."""
        for one in self.jobs:
            yield one, str(State(one.state).label) if one.state else _("gone")


def relations(sight: Sight) -> list[Relation]:
    """Return what has made a job, what it has made, what it waits for, and what waits for it."""
    job, alias = sight.job, sight.job._state.db or "default"
    found = [
        _one(sight, _("made by"), job.parent_id),
        _children(sight),
        _linked(sight, _("waits for"), surroundings.awaited_by(job, using=alias)),
        _linked(sight, _("is waited for by"), surroundings.waiting_for(job, using=alias)),
        _one(sight, _("ended by"), job.ended_by),
    ]
    return [one for one in found if one.jobs or one.unseen]


def _one(sight: Sight, label: str, key: int | None) -> Relation:
    """Return the job with an id, also where its row is gone, if anybody may know of it."""
    if key is None:
        return Relation(label, [])
    jobs = list(_rows(_visible(sight).filter(pk=key)))
    if not jobs and sight.sees_all:
        jobs = [Linked(key, None, None, False)]
    return Relation(label, jobs, unseen=0 if jobs else 1)


def _children(sight: Sight) -> Relation:
    # A range of one, in its order: so the index of parents is all that can serve. In the order of
    # ids, or in none, the planner might walk through all jobs in the hope of many children.
    key = sight.job.pk
    children = _visible(sight).filter(parent_id__gte=key, parent_id__lt=key + 1)
    jobs = sorted(_rows(children.order_by("parent_id")[: SHOWN + 1]))
    return Relation(_("has made"), jobs[:SHOWN], is_cut=len(jobs) > SHOWN)


def _linked(sight: Sight, label: str, jobs: list[Linked]) -> Relation:
    seen = jobs
    if jobs and not sight.sees_all:
        may_see = sight.visible(one.id for one in jobs)
        seen = [one for one in jobs if one.id in may_see]
    return Relation(label, seen[:SHOWN], unseen=len(jobs) - len(seen), is_cut=len(seen) > SHOWN)


def _visible(sight: Sight) -> QuerySet[Job]:
    return access.visible(sight.request, Job.objects.using(sight.job._state.db))


def _rows(rows: QuerySet[Job]) -> Iterable[Linked]:
    for key, name, state in rows.values_list("pk", "name", "state"):
        yield Linked(key, name, state, False)
