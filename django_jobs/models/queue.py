"""A queue: a name that jobs share, and whether they may run."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from django_jobs.exceptions import InvalidOption
from django_jobs.options import check_tags
from django_jobs.rates import check_rate


def _validate_rate(value: str) -> None:
    try:
        check_rate(value, "The rate limit")
    except InvalidOption as error:
        raise ValidationError(str(error)) from None


def _validate_tags(value: object) -> None:
    try:
        check_tags(value, "Tags")
    except InvalidOption as error:
        raise ValidationError(str(error)) from None


class Queue(models.Model):
    """A named queue. Its row is made at first use; what is empty is as the settings say."""

    name = models.CharField(_("name"), max_length=255, unique=True)
    paused_at = models.DateTimeField(_("paused at"), null=True, blank=True)
    #: When a pause ends by itself; null for never.
    resume_at = models.DateTimeField(_("resumes at"), null=True, blank=True)
    concurrency = models.PositiveIntegerField(
        _("places per worker"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("How many of its jobs one worker process runs at one time."),
    )
    max_running = models.PositiveIntegerField(
        _("running at most"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("How many of its jobs run at one time, on all hosts together."),
    )
    rate_limit = models.CharField(  # noqa: DJ001 - null is as the settings say
        _("rate limit"),
        max_length=50,
        null=True,
        blank=True,
        validators=[_validate_rate],
        help_text=_("How many of its jobs start in a time, such as 100/m or 5/10s."),
    )
    rate_burst = models.PositiveIntegerField(
        _("burst"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Spread the starts of the rate limit, with so many at once at most."),
    )
    weight = models.PositiveIntegerField(
        _("weight"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Its share, where workers serve queues by weight."),
    )
    tags = models.JSONField(
        _("tags"),
        null=True,
        blank=True,
        validators=[_validate_tags],
        help_text=_("Only workers that carry one of these serve it: a list of texts."),
    )
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("queue")
        verbose_name_plural = _("queues")
        permissions = [("pause_queue", "Can pause and resume queues")]
        constraints = [
            models.CheckConstraint(
                name="django_jobs_queue_burst_needs_rate",
                condition=models.Q(rate_burst__isnull=True) | models.Q(rate_limit__isnull=False),
            ),
            models.CheckConstraint(
                name="django_jobs_queue_resume_needs_pause",
                condition=models.Q(resume_at__isnull=True) | models.Q(paused_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_paused(self) -> bool:
        """Return whether no more of its jobs may start; by this machine's clock, to be shown."""
        if self.paused_at is None:
            return False
        return self.resume_at is None or self.resume_at > timezone.now()
