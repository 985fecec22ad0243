"""How many statements each page of the admin sends: as many for thirty rows as for two."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from django_jobs import chain, enqueue, group
from django_jobs.models import Job, Queue, Schedule, Worker
from testproject.ledger.jobs import nothing
from tests.rows import make_job

pytestmark = pytest.mark.django_db

#: The pages by their names, and the statements that each may send; logging in is two of them.
PAGES = {
    "app_list": 30,
    "job_changelist": 16,
    "job_change": 26,
    "job_add": 6,
    "failures": 12,
    "queue_changelist": 18,
    "queue_change": 20,
    "worker_changelist": 12,
    "worker_change": 12,
    "schedule_changelist": 10,
    "schedule_change": 14,
    "task_changelist": 10,
    "workflow_changelist": 10,
    "workflow_change": 14,
}


def fill(number):
    """Make one more row of everything, which has to do with the others."""
    worker = Worker.objects.create(hostname=f"web{number}", pid=number)
    queue = Queue.objects.create(name=f"queue{number}")
    error = {"attempt": 1, "exception": f"shop.E{number}", "message": "no", "traceback": "…"}
    parent = make_job("running", worker_id=worker.pk, started_at=timezone.now(), queue=queue.name)
    make_job("failed", errors=[error], fingerprint=f"print{number}", parent_id=parent.pk)
    schedule = Schedule.objects.create(
        name=f"schedule{number}", function="testproject.ledger.jobs.nothing", cron="5 4 * * *"
    )
    made = make_job("succeeded", schedule_id=schedule.pk, tick=timezone.now())
    Schedule.objects.filter(pk=schedule.pk).update(last_job=made)
    enqueue(chain(group(nothing.job, nothing.job), nothing.job))


def address_of(page):
    if page == "app_list":
        return reverse("admin:app_list", args=["django_jobs"])
    model, _, view = page.partition("_")
    if view != "change":
        return reverse(f"admin:django_jobs_{page}")
    of: dict[str, QuerySet[Any]] = {
        "job": Job.objects.filter(state="running"),
        "queue": Queue.objects.all(),
        "schedule": Schedule.objects.all(),
        "worker": Worker.objects.all(),
        "workflow": Job.objects.filter(step__isnull=False),
    }
    first = of[model].order_by("pk")[0]
    key = first.step.workflow_id if model == "workflow" else first.pk
    return reverse(f"admin:django_jobs_{page}", args=[key])


def questions(client):
    """Return the number of statements by page."""
    counted = {}
    for page in PAGES:
        address = address_of(page)
        client.get(address)  # what is remembered from the first time on
        with CaptureQueriesContext(connection) as sent:
            assert client.get(address).status_code == 200, page
        counted[page] = len(sent)
    return counted


def test_no_page_asks_more_where_there_is_more(admin_client):
    # Given two rows of everything
    for number in range(2):
        fill(number)
    few = questions(admin_client)
    # When there are thirty
    for number in range(2, 30):
        fill(number)
    many = questions(admin_client)
    # Then each page asks as much as before, and no more than it may
    assert {page: many[page] for page in PAGES if many[page] > few[page]} == {}
    assert {page: many[page] for page, most in PAGES.items() if many[page] > most} == {}
