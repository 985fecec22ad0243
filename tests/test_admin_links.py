"""Links of the admin: where a project has taken one of our models out of it, none leads there."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.urls import path, reverse
from django.utils import timezone

from django_jobs import chain, group
from django_jobs.models import Job, Queue, Schedule, Task, Worker
from tests.rows import make_job, new_job

pytestmark = pytest.mark.django_db

OURS = {
    str(model._meta.model_name): model
    for model in admin.site._registry
    if model._meta.app_label == "django_jobs"
}


def site_without(name):
    """Return an admin like the project's that has no pages of a model."""
    site = admin.AdminSite()
    for model, made in admin.site._registry.items():
        if model is not OURS[name]:
            site.register(model, type(made))
    return site


@pytest.fixture
def rows():
    """Return the key of a row of each model, on whose pages there are links to all others."""
    Schedule.objects.all().delete()
    schedule = Schedule.objects.create(
        name="nightly", function="tests.samples.anything", cron="0 3 * * *",
        next_tick=timezone.now(),
    )  # fmt: skip
    workers = [Worker.objects.create(hostname=f"web{n:02}", pid=42) for n in range(25)]
    workflow = chain(new_job(), group(new_job(), new_job())).enqueue()
    job = Job.objects.latest("pk")
    error = {"attempt": 1, "exception": "shop.Refused", "message": "no money"}
    Job.objects.filter(pk=job.pk).update(schedule=schedule, tick=timezone.now())
    make_job("failed", errors=[error], fingerprint="ab12", parent=job)
    make_job("running", worker_id=workers[0].pk, started_at=timezone.now(), schedule=schedule)
    Schedule.objects.update(last_job_id=job.pk)
    queue, task = Queue.objects.create(name="mail"), Task.objects.filter(is_current=True)[0]
    found = (job, queue, schedule, task, workers[0], workflow)
    return {str(row._meta.model_name): row.pk for row in found}


@pytest.mark.parametrize("name", sorted(OURS))
def test_without_a_model_the_pages_of_all_others_are_there_and_no_link_is_dead(
    name, rows, client, django_user_model, settings
):
    # Given an admin without the pages of one model, and somebody who may do anything in it
    assert rows.keys() == OURS.keys()
    client.force_login(django_user_model.objects.create(is_staff=True, is_superuser=True))
    site = site_without(name)
    settings.ROOT_URLCONF = (path("admin/", site.urls),)
    # When the pages of the others are looked at
    others = [other for other in sorted(OURS) if other != name]
    pages = [reverse("admin:app_list", args=["django_jobs"])]
    pages += [reverse(f"admin:django_jobs_{other}_changelist") for other in others]
    pages += [reverse(f"admin:django_jobs_{other}_change", args=[rows[other]]) for other in others]
    if name != "queue":
        pages.append(reverse("admin:django_jobs_failures"))
    for page in pages:
        answer = client.get(page)
        # Then they are there, and none of their links leads nowhere
        html = answer.content.decode()
        assert answer.status_code == 200, page
        assert not re.findall(rf'"/admin/django_jobs/{name}/[^"]*"', html), page
        # Django's own for the page of a list that one is on.
        assert not re.findall(r'(?:href|action)=""(?! aria-current)', html), page
