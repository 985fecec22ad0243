"""How full queues are, as far as a user may know."""

from __future__ import annotations

from collections import Counter

from django.http import HttpRequest
from django.utils.safestring import SafeString

from django_jobs import figures, wording
from django_jobs.admin import access, links
from django_jobs.figures import MOST, Figures, QueueFigures
from django_jobs.slices import among_first
from django_jobs.states import State

#: The states that are counted.
COUNTED = (State.READY, State.RUNNING, State.SCHEDULED, State.FAILED)


def fullness(request: HttpRequest, *, using: str) -> Figures:
    """Return how many jobs are in the queues: of those that the user may see."""
    if not access.may(request, access.Power.VIEW):
        return Figures([], frozenset(), frozenset())
    if access.sees_all(request):
        return figures.figures(window=60.0, using=using)
    return visible_figures(request, limit=MOST)


def visible_figures(request: HttpRequest, *, limit: int) -> Figures:
    """Count those that the user may see among the first jobs of each state, up to a limit."""
    queues: dict[str, QueueFigures] = {}
    capped = set()
    jobs = access.visible(request)
    for state in COUNTED:
        found, has_more = among_first(jobs, state, limit=limit)
        if has_more:
            capped.add(state.value)
        for name, count in Counter(found.values_list("queue", flat=True)).items():
            queues.setdefault(name, QueueFigures(name)).counts[state] = count
    return Figures(list(queues.values()), frozenset(capped), frozenset())


def count_text(found: Figures, queue: str, state: State) -> SafeString:
    """Return how many jobs of a queue are in a state, with a link to them."""
    row = next((one for one in found.queues if one.name == queue), QueueFigures(queue))
    count = row.counts[state]
    text = f"{wording.number(count)}{'+' if found.is_capped(queue, state) else ''}"
    return links.link(links.jobs(queue=queue, state__exact=state.value), text)
