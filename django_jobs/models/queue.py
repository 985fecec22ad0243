"""A queue: a name that jobs share, and whether they may run."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Queue(models.Model):
    """A named queue. Its row is made when it is first configured; jobs do not need it."""

    name = models.CharField(_("name"), max_length=255, unique=True)
    paused_at = models.DateTimeField(_("paused at"), null=True, blank=True)
    #: When a pause ends by itself; null for never.
    resume_at = models.DateTimeField(_("resumes at"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("queue")
        verbose_name_plural = _("queues")
        constraints = [
            models.CheckConstraint(
                name="django_jobs_queue_resume_needs_pause",
                condition=models.Q(resume_at__isnull=True) | models.Q(paused_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name
