"""A link: one job waits for another one to succeed."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from django_jobs.models.job import Job


class Link(models.Model):
    """One job that waits, or has waited, for one other. Goes with the row of the one that waits.

    No constraints: a check of each would cost prune as much as the deletion itself.
    """

    pk = models.CompositePrimaryKey("waiting_id", "awaited_id")
    waiting = models.ForeignKey(
        Job,
        verbose_name=_("waiting job"),
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="links",
    )
    awaited = models.ForeignKey(
        Job,
        verbose_name=_("awaited job"),
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="waiting_links",
    )
    #: The awaited job has succeeded.
    resolved = models.BooleanField(_("resolved"), default=False, db_default=False)
    #: The row of the awaited job was deleted before it was known to have succeeded.
    gone = models.BooleanField(_("gone"), default=False, db_default=False)
    #: What was asked for, where the awaited job is just that: see Prerequisite.key.
    wanted = models.CharField(_("wanted"), max_length=80, null=True, blank=True)  # noqa: DJ001 - null is nothing

    class Meta:
        verbose_name = _("link")
        verbose_name_plural = _("links")
        indexes = [
            # Who waits for a job that ends.
            models.Index(
                fields=["awaited", "waiting"],
                name="django_jobs_link_awaited",
                condition=Q(resolved=False),
            ),
            # Whether a job still waits, however many of its links are resolved.
            models.Index(
                fields=["waiting", "awaited"],
                name="django_jobs_link_waiting",
                condition=Q(resolved=False),
            ),
            # Mostly empty.
            models.Index(fields=["waiting"], name="django_jobs_link_gone", condition=Q(gone=True)),
        ]

    def __str__(self) -> str:
        return f"#{self.pk[0]} waits for #{self.pk[1]}"
