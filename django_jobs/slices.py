"""A slice of the jobs that meet criteria: newest first, at a bounded cost, and never counted.

What an index holds in the order of the ids is read from it. What is few is read whole. All else is
looked for among the next so many ids, and whoever asks is told how far the look went.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from django.db.models import BooleanField, F, Func, Lookup, Max, Min, OrderBy, Q, QuerySet, Value
from django.db.models.lookups import GreaterThan, LessThan

from django_jobs import argumentindex
from django_jobs.engine.sql import array
from django_jobs.finding import Criteria, meeting
from django_jobs.models import Job
from django_jobs.models.lists import LISTED, NEWEST
from django_jobs.states import SELDOM, State

#: Jobs that are few.
FEW = 5_000
#: Jobs of an index that are looked at for one slice.
REACH = 3_000
#: Ids that are looked at for one slice, where no index knows what is asked for.
WALK = 100_000

#: How few are read, in the order of an index that knows them.
ORDERS: dict[State, tuple[OrderBy | str, ...]] = {
    **dict.fromkeys(SELDOM, ("state", NEWEST.asc())),
    State.RUNNING: ("worker_id",),
    State.SCHEDULED: ("scheduled_at",),
    State.READY: ("queue", "lane", "concurrency_key", "-priority", "id"),
}


@dataclass(frozen=True)
class Place:
    """Where a slice begins: below one id, or above one. Neither is at the newest."""

    before: int | None = None
    after: int | None = None


@dataclass(frozen=True)
class Slice:
    """The ids of a slice, newest first, and where to go on."""

    ids: list[int]
    #: The place of the next older ones, and of the next newer ones; None where there are none.
    older: Place | None = None
    newer: Place | None = None
    #: The lowest id that was looked at, where the look ended before the slice was full.
    ended_at: int | None = None


class Among(Func):
    """The condition that an id is one of many, told as an array: no list of so many parameters."""

    template = "(%(expressions)s::bigint[]))"
    arg_joiner = " = ANY("
    output_field = BooleanField()

    def __init__(self, ids: Sequence[int]) -> None:
        super().__init__(F("pk"), Value(array(ids)))


def in_state(jobs: QuerySet[Job], state: State) -> QuerySet[Job]:
    """Return the jobs in a state, told so that its index is found."""
    return jobs.filter(LISTED, state=state) if state in SELDOM else jobs.filter(state=state)


def first(state: State, *, limit: int, using: str) -> list[int]:
    """Return the ids of the first jobs in a state, in the order of an index that knows them."""
    rows = in_state(Job.objects.using(using), state).order_by(*ORDERS[state])
    return list(rows.values_list("pk", flat=True)[:limit])


def among_first(jobs: QuerySet[Job], state: State, *, limit: int) -> tuple[QuerySet[Job], bool]:
    """Return those of the jobs that are among the first in a state, and whether that has more.

    How ``jobs`` are narrowed nobody knows: they may be rare, and so the look for them ends.
    """
    ids = first(state, limit=limit + 1, using=jobs.db)
    found = jobs.filter(Among(ids[:limit])).order_by() if ids else jobs.none()
    return found, len(ids) > limit


def cut(
    jobs: QuerySet[Job], criteria: Criteria, *, is_narrowed: bool, place: Place, size: int
) -> Slice:
    """Return a slice of those jobs that meet the criteria.

    ``is_narrowed`` says that ``jobs`` has conditions of its own.
    """
    if criteria.id is not None:
        found = meeting(criteria, jobs)
        return Slice(list(found.values_list("pk", flat=True)))
    if (few := _few(criteria, jobs.db)) is not None:
        rest, ids = few
        if rest or is_narrowed:
            found = meeting(rest, jobs.filter(Among(ids))).order_by()
            ids = list(found.values_list("pk", flat=True))
        return _of_list(sorted(ids, reverse=True), place, size)
    if (source := _source(criteria, jobs.db)) is None:
        return _walk(meeting(criteria, jobs), place, size)
    rows = _onward(source.rows, place, is_opposite=source.is_opposite).values_list("pk", flat=True)
    if not source.rest and not is_narrowed:
        return _ended(list(rows[: size + 1]), place, size, None)
    # First the ids, which the index knows, and then which of these rows it is: in one statement
    # the planner might read all rows of the state, in the order of another index.
    ids = list(rows[:REACH])
    end = ids[-1] if len(ids) == REACH else None
    found = meeting(source.rest, jobs.filter(Among(ids))).order_by() if ids else jobs.none()
    kept = sorted(found.values_list("pk", flat=True), reverse=place.after is None)
    return _ended(kept[: size + 1], place, size, end)


def _few(criteria: Criteria, using: str) -> tuple[Criteria, list[int]] | None:
    """Return the ids of what is few, and the criteria that are left; None where none is few."""
    every = Job.objects.using(using)
    if criteria.arguments and argumentindex.exists(using):
        rows = every.filter(kwargs__contains=criteria.arguments)
        rest = replace(criteria, arguments=None)
    elif criteria.step is not None:
        rows, rest = every.filter(step_id=criteria.step), replace(criteria, step=None)
    elif criteria.parent is not None:
        rows, rest = every.filter(parent_id=criteria.parent), replace(criteria, parent=None)
    elif len(criteria.states) == 1 and criteria.states[0] not in {*SELDOM, State.SUCCEEDED}:
        if criteria.fingerprint:
            return None  # the index of these is better
        ids = first(State(criteria.states[0]), limit=FEW + 1, using=using)
        return None if len(ids) > FEW else (replace(criteria, states=()), ids)
    else:
        return None
    ids = list(rows.values_list("pk", flat=True)[: FEW + 1])
    return None if len(ids) > FEW else (rest, ids)


class _Source(NamedTuple):
    """What an index holds in the order of ids."""

    rows: QuerySet[Job]
    #: The criteria that it does not know.
    rest: Criteria
    #: Whether it has the opposites of the ids.
    is_opposite: bool


def _source(criteria: Criteria, using: str) -> _Source | None:
    every = Job.objects.using(using)
    if criteria.fingerprint is not None:
        rows = every.filter(fingerprint=criteria.fingerprint)
        return _Source(rows, replace(criteria, fingerprint=None), True)
    if criteria.schedule is not None:
        rest = replace(criteria, schedule=None)
        return _Source(meeting(Criteria(schedule=criteria.schedule), every), rest, False)
    if len(criteria.states) == 1 and criteria.states[0] in SELDOM:
        found = in_state(every, State(criteria.states[0]))
        return _Source(found, replace(criteria, states=()), True)
    return None


def _onward(rows: QuerySet[Job], place: Place, *, is_opposite: bool) -> QuerySet[Job]:
    """Return rows from a place on, in the order of ids or of their opposites."""
    is_upward = place.after is not None
    if place.after is not None:
        above: Lookup[int] = LessThan(NEWEST, -place.after)
        rows = rows.filter(above if is_opposite else Q(pk__gt=place.after))
    elif place.before is not None:
        below: Lookup[int] = GreaterThan(NEWEST, -place.before)
        rows = rows.filter(below if is_opposite else Q(pk__lt=place.before))
    order = NEWEST if is_opposite else F("pk")
    return rows.order_by(order.desc() if is_upward == is_opposite else order.asc())


def _walk(found: QuerySet[Job], place: Place, size: int) -> Slice:
    """Return a slice of what is found among the next ids, whatever it is."""
    every = Job.objects.using(found.db)
    ends = every.aggregate(first=Min("pk"), last=Max("pk"))
    if ends["last"] is None:
        return Slice([])
    if place.after is not None:
        start = max(place.after + 1, ends["first"])
        end = start + WALK - 1
        is_over = end >= ends["last"]
    else:
        start = ends["last"] if place.before is None else min(ends["last"], place.before - 1)
        end = start - WALK + 1
        is_over = end <= ends["first"]
    # Between two ids: without one of them, the planner takes so many jobs for a third of all.
    low, high = sorted((start, end))
    rows = found.filter(pk__gte=low, pk__lte=high)
    rows = rows.order_by("-pk" if place.after is None else "pk")
    ids = list(rows.values_list("pk", flat=True)[: size + 1])
    return _ended(ids, place, size, None if is_over else end)


def _ended(ids: list[int], place: Place, size: int, end: int | None) -> Slice:
    """Return the slice of ids read onward from a place, one more than fit, up to an end."""
    shown, has_more = ids[:size], len(ids) > size
    ended_at = None if has_more else end
    if place.after is not None:
        shown.reverse()
        newer = Place(after=shown[0]) if has_more else (Place(after=end) if end else None)
        older = Place(before=shown[-1] if shown else place.after + 1)
        return Slice(shown, older, newer, ended_at)
    older_place = Place(before=shown[-1]) if has_more else (Place(before=end) if end else None)
    newer = None if place.before is None else Place(after=shown[0] if shown else place.before - 1)
    return Slice(shown, older_place, newer, ended_at)


def _of_list(ids: list[int], place: Place, size: int) -> Slice:
    if place.after is not None:
        above = [key for key in ids if key > place.after][::-1]
        return _ended(above, place, size, None)
    below = [key for key in ids if place.before is None or key < place.before]
    return _ended(below, place, size, None)
