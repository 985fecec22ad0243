"""A worker: one process that claims jobs, for as long as it is alive."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from django_jobs.orders import Order

#: Plain text: what is written down in migrations must not need this code.
_WORDS = [order.value for order in Order]
_ORDERS = list(zip(_WORDS, (_("work"), _("be quiet"), _("stop")), strict=True))


class Worker(models.Model):
    """A process that claims jobs. Its row is deleted when it stops, or when it is found dead."""

    hostname = models.CharField(_("host"), max_length=255)
    pid = models.IntegerField(_("process id"))
    #: The queues it serves; empty for all.
    queues = models.JSONField(
        _("queues"), default=list, db_default=models.Value([], models.JSONField())
    )
    concurrency = models.IntegerField(_("concurrency"), db_default=1)
    #: What the jobs that run on its host may take together.
    units = models.IntegerField(_("units of its host"), db_default=10_000)
    #: What it may serve: the queues that ask for one of these, and those that ask for none.
    tags = models.JSONField(
        _("tags"), default=list, db_default=models.Value([], models.JSONField())
    )
    version = models.CharField(_("version"), max_length=50, db_default="")
    started_at = models.DateTimeField(_("started at"), db_default=Now())
    #: Not indexed: so every heartbeat is a heap-only update.
    heartbeat_at = models.DateTimeField(_("last heartbeat"), db_default=Now())

    #: Bytes of memory that its process held at the last heartbeat; null where nobody can tell.
    rss = models.BigIntegerField(_("memory"), null=True)
    #: What it is told, and hears with its next heartbeat. Neither is indexed, as above.
    orders = models.CharField(_("orders"), max_length=5, db_default="", choices=_ORDERS)
    #: The order that it obeyed at the last heartbeat.
    heard = models.CharField(_("obeys"), max_length=5, db_default="", choices=_ORDERS)

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")
        permissions = [("stop_worker", "Can quiet and stop workers")]
        constraints = [
            models.CheckConstraint(
                name="django_jobs_worker_orders", condition=models.Q(orders__in=_WORDS)
            ),
            models.CheckConstraint(
                name="django_jobs_worker_heard", condition=models.Q(heard__in=_WORDS)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hostname}:{self.pid}"
