"""Which model events enqueue which jobs.

Each job is inserted in the transaction that saves the order: it exists exactly if the order does.
"""

from django.db.models.signals import post_save

from django_jobs import enqueue_on
from testproject.shop import jobs
from testproject.shop.models import Order

enqueue_on(
    post_save,
    sender=Order,
    job=jobs.reserve_stock,
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
