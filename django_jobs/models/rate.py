"""How much of a rate is used up."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class RateLevel(models.Model):
    """The starts that were counted against one rate. The row is deleted when it says nothing more.

    Times are seconds since 1970 by the clock of the database.
    """

    #: Of a queue, a job function, or one of its keys.
    name = models.CharField(_("name"), max_length=600, primary_key=True)
    #: Starts that count, at the time ``since``.
    level = models.FloatField(_("level"), db_default=0.0)
    since = models.FloatField(_("since"), db_default=0.0)
    #: When the next job may start.
    opens = models.FloatField(_("opens"), db_default=0.0)
    #: When nothing of this counts any more.
    ends = models.FloatField(_("ends"), db_default=0.0)

    class Meta:
        verbose_name = _("rate level")
        verbose_name_plural = _("rate levels")
        indexes = [
            models.Index(fields=["opens"], name="django_jobs_ratelevel_opens"),
            models.Index(fields=["ends"], name="django_jobs_ratelevel_ends"),
        ]

    def __str__(self) -> str:
        return self.name
