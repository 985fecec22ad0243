"""How full queues are, as far as a user may know, and who serves them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from django_jobs import figures, surroundings
from django_jobs.admin import access
from django_jobs.bounds import policy_for
from django_jobs.conf import options
from django_jobs.figures import MOST, Figures, QueueFigures
from django_jobs.models import Queue
from django_jobs.queueing import carries
from django_jobs.states import State
from django_jobs.surroundings import LiveWorker

#: The states that are counted, and how the index of each is ordered.
COUNTED: Mapping[State, str] = {
    State.READY: "queue",
    State.RUNNING: "worker_id",
    State.SCHEDULED: "scheduled_at",
    State.FAILED: "-finished_at",
}


def fullness(request: HttpRequest, *, using: str) -> Figures:
    """Return how many jobs are in the queues: of those that the user may see."""
    if not access.may(request, access.Power.VIEW):
        return Figures([], frozenset(), frozenset())
    if access.sees_all(request):
        return figures.figures(window=60.0, using=using)
    queues: dict[str, QueueFigures] = {}
    capped = set()
    for state, order in COUNTED.items():
        # How it is narrowed nobody knows, so it is counted no further than all jobs are.
        found = access.visible(request).filter(state=state).order_by(order)
        counts = Counter(found.values_list("queue", flat=True)[: MOST + 1])
        if sum(counts.values()) > MOST:
            capped.add(state.value)
        for name, count in counts.items():
            queues.setdefault(name, QueueFigures(name)).counts[state] = count
    return Figures(list(queues.values()), frozenset(capped), frozenset())


def count_text(found: Figures, queue: str, state: State) -> SafeString:
    """Return how many jobs of a queue are in a state, with a link to them."""
    row = next((one for one in found.queues if one.name == queue), QueueFigures(queue))
    count = row.counts[state]
    text = f"{count:,}{'+' if found.is_capped(queue, state) else ''}"
    try:
        jobs = reverse("admin:django_jobs_job_changelist")
    except NoReverseMatch:  # a project may take the jobs out of its admin
        return format_html("{}", text)
    query = urlencode({"queue": queue, "state__exact": state.value})
    return format_html('<a href="{}?{}">{}</a>', jobs, query, text)


def live_workers(*, using: str) -> list[LiveWorker]:
    """Return the workers that give signs of life."""
    return surroundings.live_workers(timeout=options().heartbeat_timeout, using=using)


def serving(queue: Queue, workers: list[LiveWorker]) -> list[LiveWorker]:
    """Return those of the workers that serve a queue, quiet ones too."""
    tags = policy_for(queue.name, queue).tags
    return [one for one in workers if one.serves(queue.name) and carries(one.tags, tags)]
