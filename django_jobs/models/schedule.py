"""A schedule: what makes jobs of a function again and again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_jobs import conf
from django_jobs.crontab import parse, zone_of
from django_jobs.exceptions import JobsError
from django_jobs.models.job import Job
from django_jobs.models.problems import problems
from django_jobs.scheduling import SHORTEST_INTERVAL, Missed, Overlap, Source, spec_of
from django_jobs.specs import JobSpec
from django_jobs.timetable import Timetable
from django_jobs.wording import span

#: What says when ticks come: where it changes they are planned anew.
TIMING = ("cron", "every", "timezone", "start_at", "end_at", "is_enabled")
#: What the engine writes, and a form or save() must not write over.
KEPT = ("last_tick", "next_tick", "is_over", "last_job", "note", "created_at", "counts_from")


class Schedule(models.Model):
    """Makes a job of a function whenever a tick comes. It does not wait for the job before."""

    Missed = Missed
    Overlap = Overlap
    Source = Source

    name = models.CharField(_("name"), max_length=255, unique=True)
    function = models.CharField(_("function"), max_length=255)
    args = models.JSONField(
        _("positional arguments"),
        default=list,
        db_default=Value([], models.JSONField()),
        blank=True,
    )
    kwargs = models.JSONField(
        _("keyword arguments"), default=dict, db_default=Value({}, models.JSONField()), blank=True
    )
    cron = models.CharField(  # noqa: DJ001 - null is none
        _("cron expression"),
        max_length=255,
        null=True,
        blank=True,
        help_text=_("Minute, hour, day of the month, month, day of the week; or @daily and such."),
    )
    every = models.DurationField(
        _("interval"),
        null=True,
        blank=True,
        validators=[MinValueValidator(timedelta(seconds=SHORTEST_INTERVAL))],
        help_text=_("Instead of an expression: seconds, or hours:minutes:seconds."),
    )
    timezone = models.CharField(
        _("time zone"),
        max_length=255,
        default="",
        db_default="",
        blank=True,
        help_text=_("Empty: that of the project."),
    )
    start_at = models.DateTimeField(_("starts at"), null=True, blank=True)
    end_at = models.DateTimeField(_("ends at"), null=True, blank=True)
    missed = models.CharField(
        _("missed ticks"), max_length=9, choices=Missed, default=Missed.ONCE, db_default=Missed.ONCE
    )
    overlap = models.CharField(
        _("overlap"),
        max_length=9,
        choices=Overlap,
        default=Overlap.ALLOW,
        db_default=Overlap.ALLOW,
        help_text=_("While the last job has not ended."),
    )
    is_enabled = models.BooleanField(_("enabled"), default=True, db_default=True)
    #: Null for what the job function declares.
    queue = models.CharField(_("queue"), max_length=255, null=True, blank=True)  # noqa: DJ001
    priority = models.IntegerField(_("priority"), null=True, blank=True)
    source = models.CharField(
        _("source"),
        max_length=9,
        choices=Source,
        default=Source.HAND,
        db_default=Source.HAND,
        editable=False,
    )
    #: The last tick that is dealt with: by a job, or by leaving it out.
    last_tick = models.DateTimeField(_("last tick"), null=True, blank=True, editable=False)
    #: Null until it is planned.
    next_tick = models.DateTimeField(_("next tick"), null=True, blank=True, editable=False)
    #: No tick will come any more.
    is_over = models.BooleanField(_("over"), default=False, db_default=False, editable=False)
    #: The job of the last tick that made one. No constraint: jobs are pruned, schedules stay.
    last_job = models.ForeignKey(
        Job,
        verbose_name=_("last job"),
        null=True,
        blank=True,
        editable=False,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    #: Why the last tick made no job, or why no tick can.
    note = models.TextField(_("note"), null=True, blank=True, editable=False)  # noqa: DJ001
    #: Ticks before it do not count: it was not there, or was switched off.
    counts_from = models.DateTimeField(_("counts from"), db_default=Now(), editable=False)
    #: Intervals are counted from here where they have no start.
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("schedule")
        verbose_name_plural = _("schedules")
        permissions = [("run_schedule", "Can run schedules now")]
        indexes = [
            # What is due, and what is to be planned, without those that will not tick.
            models.Index(
                fields=["next_tick"],
                name="django_jobs_schedule_due",
                condition=Q(is_enabled=True, is_over=False) & ~Q(source=Source.WITHDRAWN),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="django_jobs_schedule_cron_or_every",
                condition=Q(cron__isnull=False, every__isnull=True)
                | Q(cron__isnull=True, every__isnull=False),
                violation_error_message=_("Give either a cron expression or an interval."),
            ),
            models.CheckConstraint(
                name="django_jobs_schedule_every",
                condition=Q(every__isnull=True)
                | Q(every__gte=timedelta(seconds=SHORTEST_INTERVAL)),
            ),
            models.CheckConstraint(
                name="django_jobs_schedule_missed", condition=Q(missed__in=sorted(Missed.values))
            ),
            models.CheckConstraint(
                name="django_jobs_schedule_overlap", condition=Q(overlap__in=sorted(Overlap.values))
            ),
            models.CheckConstraint(
                name="django_jobs_schedule_source", condition=Q(source__in=sorted(Source.values))
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save what people say; where that changes the timing, have the ticks planned anew.

        What the engine writes is never written over: a tick that has fired meanwhile stays fired.
        """
        if not self._state.adding and kwargs.get("update_fields") is None:
            names = {field.name for field in self._meta.concrete_fields if not field.primary_key}
            kwargs["update_fields"] = names - set(KEPT)
        if not self._state.adding and self._timing() != self._planned_by:
            self.next_tick, self.is_over, self.note = None, False, None
            self.counts_from = Now()
            kwargs["update_fields"] = {
                *kwargs["update_fields"], "next_tick", "is_over", "note", "counts_from",
            }  # fmt: skip
        super().save(*args, **kwargs)
        if isinstance(self.__dict__.get("counts_from"), Now):
            del self.counts_from  # read again where it is asked for
        self._planned_by = self._timing()

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> Self:
        """Remember the timing that the row has."""
        schedule = super().from_db(*args, **kwargs)
        schedule._planned_by = schedule._timing()
        return schedule

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        """Read the row again, its timing too."""
        super().refresh_from_db(*args, **kwargs)
        self._planned_by = self._timing()

    #: Its timing when it was last read or written.
    _planned_by: tuple[Any, ...] | None = None

    def _timing(self) -> tuple[Any, ...]:
        # Not what is deferred: to look at it would be to read it.
        return tuple(self.__dict__.get(name) for name in TIMING)

    # When ------------------------------------------------------------------------------------

    @property
    def zone(self) -> str:
        """Return the name of the time zone that it goes by."""
        return self.timezone or conf.time_zone()

    @property
    def timetable(self) -> Timetable:
        """Return when its ticks come."""
        given: object = self.created_at  # until it is saved it has none
        anchor = given if isinstance(given, datetime) else datetime.now(UTC)
        return Timetable(
            self.cron,
            self.every,
            self.zone,
            _aware(anchor),
            None if self.start_at is None else _aware(self.start_at),
            None if self.end_at is None else _aware(self.end_at),
        )

    def next_runs(self, n: int = 5) -> list[datetime]:
        """Return the next ``n`` ticks from now on in its time zone, or fewer where it ends.

        Raise InvalidOption for an expression or a time zone that cannot be used.
        """
        table, zone = self.timetable, zone_of(self.zone)
        moment = datetime.now(UTC)
        if self.last_tick is not None:
            moment = max(moment, _aware(self.last_tick))
        runs: list[datetime] = []
        while len(runs) < n and (tick := table.after(moment)) is not None:
            runs.append(tick.astimezone(zone))
            moment = tick
        return runs

    @property
    def words(self) -> str:
        """Return when it ticks, in words; nothing where that cannot be read."""
        if self.every is not None:
            return gettext("Every %(interval)s") % {"interval": span(self.every)}
        try:
            return parse(str(self.cron)).words
        except JobsError:
            return ""

    # What ------------------------------------------------------------------------------------

    def spec(self) -> JobSpec:
        """Return what its ticks enqueue, or raise UnknownJob, or what is wrong with arguments."""
        return spec_of(
            self.function, json.dumps(self.args), json.dumps(self.kwargs), self.queue, self.priority
        )

    def clean(self) -> None:
        """Raise ValidationError for everything that would keep it from making jobs.

        What code declares is checked where it is declared.
        """
        self.args = [] if self.args is None else self.args
        self.kwargs = {} if self.kwargs is None else self.kwargs
        errors = dict(problems(self)) if self.source == Source.HAND else {}
        if errors:
            raise ValidationError(errors)


def _aware(moment: datetime) -> datetime:
    """Return a time of the database as one that knows its zone, also without USE_TZ."""
    return timezone.make_aware(moment) if timezone.is_naive(moment) else moment
