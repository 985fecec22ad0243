"""Scenario 18: people without permission, forged forms, other tenants, script in every field."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_jobs import chain, enqueue
from django_jobs.models import Job, Queue, Schedule, Step, Task, Worker, Workflow
from testproject.ledger.jobs import give_back, nothing

pytestmark = pytest.mark.django_db

#: Every model of ours that has pages, whatever pages these are.
MODELS = [model for model in admin.site._registry if model._meta.app_label == "django_jobs"]
SCRIPT = "<script>alert('x')</script>"
#: As it must not be in any page: also a part of it, or in an attribute.
LIVE = re.compile(r"<script>\s*alert|<img src=x", re.IGNORECASE)


def addresses() -> Iterator[str]:
    """Yield the address of every page and view that the admin has for our models."""
    for model in MODELS:
        for pattern in admin.site._registry[model].urls:
            if pattern.name is None or str(pattern.pattern) == "<path:object_id>/":
                continue  # the second is a redirect that Django keeps from its first years
            needs = list(pattern.pattern.converters)
            yield f"{model._meta.model_name}:{pattern.name}:{','.join(needs)}"


ADDRESSES = sorted(addresses())


@pytest.fixture
def rows(db) -> dict[str, int]:
    """Make one row of each model, with script in every text that anybody may fill in."""
    queue = Queue.objects.create(name=f"q{SCRIPT}", tags=[SCRIPT])
    error = {
        "attempt": 1, "message": f"{SCRIPT}\n<img src=x onerror=alert(1)>", "exception": SCRIPT,
        "traceback": f'File "{SCRIPT}"', "worker": SCRIPT,
    }  # fmt: skip
    worker = Worker.objects.create(hostname=SCRIPT, pid=1, queues=[SCRIPT], version=SCRIPT[:50])
    job = Job.objects.create(
        name=f"shop.{SCRIPT}", queue=queue.name, state="failed", args=[SCRIPT],
        kwargs={SCRIPT: SCRIPT}, unique_key=SCRIPT, concurrency_key=SCRIPT, errors=[error],
        fingerprint=SCRIPT[:16], note=SCRIPT, meta={SCRIPT: SCRIPT}, result={SCRIPT: SCRIPT},
        log=[{"attempt": 1, "at": SCRIPT, "message": SCRIPT}], worker=worker,
        progress={"done": 1, "total": 2, "message": SCRIPT}, finished_at=timezone.now(),
        attempts=1,
    )  # fmt: skip
    schedule = Schedule.objects.create(
        name=SCRIPT, function="testproject.ledger.jobs.nothing", cron="5 4 * * *", note=SCRIPT
    )
    workflow = enqueue(chain(nothing.job, nothing.job))
    Workflow.objects.filter(pk=workflow.pk).update(name=SCRIPT, meta={SCRIPT: SCRIPT})
    for number, step in enumerate(workflow.steps.all()):
        Step.objects.filter(pk=step.pk).update(name=f"{SCRIPT}{number}")
    task = Task.objects.filter(is_current=True).first()
    assert task is not None
    found = (queue, worker, job, schedule, workflow, task)
    return {str(row._meta.model_name): row.pk for row in found}


def address_of(text: str, rows: dict[str, int]) -> str:
    model, name, needs = text.split(":")
    return reverse(f"admin:{name}", args=[rows[model] for need in needs.split(",") if need])


def everything() -> dict[str, list[object]]:
    """Return all rows of all models, as they stand."""
    return {
        model.__name__: list(model._default_manager.order_by("pk").values())
        for model in (Job, Queue, Schedule, Step, Task, Worker, Workflow)
    }


def staff(*permissions: str) -> Client:
    """Return a client of somebody who may enter the admin, and has these permissions."""
    user = get_user_model().objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def test_nobody_without_permission_sees_or_changes_anything(rows):
    before, client = everything(), staff()
    for address in ADDRESSES:
        path = address_of(address, rows)
        codes = {client.get(path).status_code, client.post(path).status_code}
        assert codes <= {403, 405}, address
    assert everything() == before


def test_whoever_is_not_logged_in_is_sent_to_log_in(rows):
    for address in ADDRESSES:
        answer = Client().post(address_of(address, rows))
        where = answer.headers.get("Location", "/admin/login/")
        assert answer.status_code in (302, 405), address
        assert where.startswith("/admin/login/"), address


def test_a_forged_form_changes_nothing(rows, admin_user):
    # Given somebody who may do everything, and forms of another site
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    before = everything()
    # When they are sent by their browser, then they are refused
    for address in ADDRESSES:
        forged = {"action": "cancel_jobs", "_selected_action": rows["job"], "confirmed": "yes"}
        answer = client.post(address_of(address, rows), forged)
        assert answer.status_code in (403, 405), address
    # And nothing has happened
    assert everything() == before


def test_looking_changes_nothing_and_runs_no_script(rows, admin_client):
    before = everything()
    for address in ADDRESSES:
        answer = admin_client.get(address_of(address, rows))
        assert answer.status_code in (200, 302, 400, 403, 405), address
        assert not LIVE.search(answer.content.decode()), address
    assert everything() == before


@pytest.mark.parametrize(
    "query", ["q={}", "queue={}", "fingerprint={}", "state__exact={}", "name={}"]
)
def test_what_is_asked_for_is_escaped_too(rows, query, admin_client):
    page = reverse("admin:django_jobs_job_changelist")
    answer = admin_client.get(f"{page}?{query.format('%3Cscript%3Ealert(1)%3C/script%3E')}")
    assert answer.status_code in (200, 302, 400)
    assert not LIVE.search(answer.content.decode())


@pytest.mark.parametrize("powers", [("view_job",), ("view_job", "view_worker", "view_queue")])
def test_whoever_may_look_may_do_nothing_else(rows, powers):
    before, client = everything(), staff(*powers)
    for address in ADDRESSES:
        client.post(
            address_of(address, rows), {"action": "retry_jobs", "_selected_action": rows["job"]}
        )
    assert everything() == before


def test_arguments_are_for_those_who_may_see_them(rows):
    # Given a job whose arguments say something
    job = give_back.enqueue(4711)
    page = reverse("admin:django_jobs_job_change", args=[job.pk])
    client = staff("view_job")
    # When somebody without the permission looks at it
    assert "4711" not in client.get(page).content.decode()
    # And when somebody with it does
    user = get_user_model().objects.get(username="clerk")
    user.user_permissions.add(Permission.objects.get(codename="view_job_arguments"))
    assert "4711" in client.get(page).content.decode()
