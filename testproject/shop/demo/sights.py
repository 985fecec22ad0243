"""Pages of the admin with something of everything to be seen on them."""

from __future__ import annotations

import time
from datetime import timedelta
from decimal import Decimal

from django.urls import reverse

from django_jobs import enqueue, pause_queue
from django_jobs.models import Job, Queue, Schedule, Workflow
from testproject.shop.jobs import (
    charge_card,
    forecast_demand,
    import_product,
    nightly_report,
    send_newsletter,
    send_receipt,
)

#: Orders that nobody has placed: their jobs fail.
NO_ORDER = 900_000
#: Seconds until jobs that are about to fail have failed.
PATIENCE = 30


def pages() -> dict[str, str]:
    """Leave something of everything, and return the pages by a name for each."""
    for number in range(6):
        enqueue(charge_card.job.with_max_attempts(1).with_args(NO_ORDER + number))
    failing = enqueue(send_receipt.job.with_max_attempts(2).with_args(NO_ORDER))
    newsletter = send_newsletter.job.with_kwargs(subject="Autumn")
    enqueue(newsletter.with_scheduled_at(timedelta(hours=14)))
    enqueue(nightly_report.job.with_scheduled_at(timedelta(minutes=40)))
    running = enqueue(forecast_demand.job.with_kwargs(rounds=400_000).with_timeout(600))
    Queue.objects.get_or_create(name="imports")
    pause_queue("imports")
    product = import_product.job.with_kwargs(
        sku="KT-7", name="Kettle", price=Decimal("24.90"), stock=12
    )
    waiting = [enqueue(product) for _ in range(5)]
    _wait_until_failed()
    schedule, workflow = Schedule.objects.earliest("name"), Workflow.objects.latest("pk")

    def of(model: str, *args: int, view: str = "change") -> str:
        return reverse(f"admin:django_jobs_{model}_{view}", args=args)

    return {
        "dashboard": reverse("admin:app_list", args=["django_jobs"]),
        "jobs": of("job", view="changelist"),
        "failed-jobs": of("job", view="changelist") + "?state__exact=failed",
        "failed-job": of("job", failing.pk),
        "running-job": of("job", running.pk),
        "waiting-job": of("job", waiting[0].pk),
        "new-job": of("job", view="add") + f"?task={charge_card.job.func}",
        "failures": reverse("admin:django_jobs_failures"),
        "queues": of("queue", view="changelist"),
        "queue": of("queue", Queue.objects.get(name="imports").pk),
        "workers": of("worker", view="changelist"),
        "schedules": of("schedule", view="changelist"),
        "schedule": of("schedule", schedule.pk),
        "workflow": of("workflow", workflow.pk),
    }


def _wait_until_failed() -> None:
    until = time.monotonic() + PATIENCE
    mine = Job.objects.filter(name=charge_card.job.func, args__0__gte=NO_ORDER)
    while mine.filter(state__in=[Job.State.READY, Job.State.RUNNING]).exists():
        if time.monotonic() > until:
            raise TimeoutError("The jobs that are to fail have not run: is there a worker?")
        time.sleep(0.1)
