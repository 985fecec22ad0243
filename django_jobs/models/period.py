"""What happened in a queue in one stretch of time."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _


class Counts(models.Field):  # type: ignore[type-arg]
    """Durations counted by size: see histogram.py. Places at the end that are empty are left out.

    Not an ArrayField: that one wants django.contrib.postgres installed.
    """

    def db_type(self, connection: Any) -> str:
        """Return the type of the column."""
        return "integer[]"


class Period(models.Model):
    """The ends of jobs in a minute, ten minutes or an hour, and the backlog in it.

    Workers write the minutes; older ones are put together by the engine.
    """

    #: Empty for all queues together.
    queue = models.CharField(_("queue"), max_length=255)
    #: How long it is, in seconds.
    span = models.IntegerField(_("length"))
    begins_at = models.DateTimeField(_("begins at"))
    succeeded = models.IntegerField(_("succeeded"), default=0, db_default=0)
    failed = models.IntegerField(_("failed"), default=0, db_default=0)
    cancelled = models.IntegerField(_("cancelled"), default=0, db_default=0)
    #: Attempts that failed and are made again.
    retried = models.IntegerField(_("retried"), default=0, db_default=0)
    #: From when a job was due until it began.
    waits = Counts(_("waiting times"), default=list)
    runs = Counts(_("running times"), default=list)
    #: Jobs that were ready, at most; null where nobody has looked, or there were none.
    ready = models.IntegerField(_("backlog"), null=True)
    #: How many seconds the oldest of them had waited, at most.
    oldest = models.FloatField(_("oldest wait"), null=True)

    class Meta:
        verbose_name = _("period")
        verbose_name_plural = _("periods")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["queue", "span", "begins_at"], name="django_jobs_period_one"
            ),
        ]
        indexes = [
            models.Index(fields=["span", "begins_at"], name="django_jobs_period_span"),
        ]

    def __str__(self) -> str:
        return f"{self.queue} {self.begins_at}"
