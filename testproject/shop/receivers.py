"""Which model events enqueue which jobs, and who is told when a job has failed.

Each job is inserted in the transaction that saves the order: it exists exactly if the order does.
"""

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from django_jobs import enqueue_on
from django_jobs.models import Job
from django_jobs.outcomes import Fault
from django_jobs.signals import job_failed
from testproject.shop import jobs
from testproject.shop.models import Order, StaffNote

enqueue_on(
    post_save,
    sender=Order,
    job=jobs.book_order,
    created=True,
    kwargs=lambda order: {"order_id": order.pk},
)
enqueue_on(
    post_save,
    sender=Order,
    job=jobs.send_receipt,
    created=True,
    kwargs=lambda order: {"order_id": order.pk},
)
enqueue_on(
    post_save,
    sender=Order,
    job=jobs.charge_card,
    created=True,
    when=lambda order: order.total > 0,
    kwargs=lambda order: {"order_id": order.pk},
)


@receiver(job_failed, sender=jobs.check_feed)
def tell_staff(job: Job, fault: Fault, **kwargs: Any) -> None:
    """Write down whose feed cannot be read."""
    supplier = job.kwargs["supplier"]
    StaffNote.objects.create(job=job.pk, text=f"The feed of {supplier}: {fault.message}")
