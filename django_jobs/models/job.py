"""A job: one row, one request to run a function, in one state."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from django_jobs.models.lists import LISTS
from django_jobs.models.queryset import JobQuerySet
from django_jobs.models.waiting import Waitable
from django_jobs.models.worker import Worker
from django_jobs.states import FINISHED, LIVE, State

_UNCLAIMED = (State.SCHEDULED, State.BLOCKED, State.READY)


class Job(Waitable):
    """One request to run a job function. Only the engine changes ``state``."""

    State = State

    queue = models.CharField(_("queue"), max_length=255, default="default", db_default="default")
    name = models.CharField(_("function"), max_length=255)
    args = models.JSONField(
        _("positional arguments"), default=list, db_default=Value([], models.JSONField())
    )
    kwargs = models.JSONField(
        _("keyword arguments"), default=dict, db_default=Value({}, models.JSONField())
    )
    #: Higher first; ties in the order received.
    priority = models.IntegerField(_("priority"), default=0, db_default=0)
    state = models.CharField(
        _("state"), max_length=9, choices=State, default=State.READY, db_default=State.READY
    )
    #: Runs started; counted at the claim.
    attempts = models.SmallIntegerField(_("attempts"), default=0, db_default=0)
    #: Runs allowed in all.
    max_attempts = models.SmallIntegerField(_("maximum attempts"), default=1, db_default=1)
    scheduled_at = models.DateTimeField(_("scheduled at"), db_default=Now())
    enqueued_at = models.DateTimeField(_("enqueued at"), db_default=Now())
    #: When the present or last run began; null while a claimed job waits for a free slot.
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    #: When prune may delete the row.
    prune_at = models.DateTimeField(_("kept until"), null=True, blank=True)
    #: Held while the job is live; global over all queues.
    unique_key = models.CharField(_("unique key"), max_length=255, null=True, blank=True)  # noqa: DJ001 - null is no key
    #: Who runs it, or ran it last. No constraint: workers come and go, jobs stay.
    worker = models.ForeignKey(
        Worker,
        verbose_name=_("worker"),
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="jobs",
    )
    #: Grows at every change of ownership, never shrinks: with ``id`` it fences a worker's writes.
    claims = models.IntegerField(_("claims"), default=0, db_default=0)
    #: Times it was taken back from a dead worker that may not have begun it, at no charge.
    reprieves = models.SmallIntegerField(_("reprieves"), default=0, db_default=0)
    #: Null for the setting, 0 for no limit.
    timeout = models.DurationField(_("timeout"), null=True, blank=True)
    memory_limit = models.BigIntegerField(_("memory limit in bytes"), null=True, blank=True)
    #: What it takes of its host's budget while it runs.
    units = models.IntegerField(_("process units"), default=1, db_default=1)
    #: What it shares a limit with: jobs of one lane are claimed together, or wait together, and
    #: cost the jobs of other lanes nothing. Empty for jobs without any limit.
    lane = models.CharField(
        _("lane"), max_length=255, default="", db_default="", blank=True, editable=False
    )
    #: Others wait for its end and have not been told of it: settle is for this.
    unsettled = models.BooleanField(
        _("end not told yet"), default=False, db_default=False, editable=False
    )
    #: Other functions depend on its own: it is looked for by its arguments, which are all by name.
    remembered = models.BooleanField(
        _("looked for by others"), default=False, db_default=False, editable=False
    )
    #: The job whose end ended this one, which so never ran.
    ended_by = models.BigIntegerField(_("ended by job"), null=True, blank=True, editable=False)
    #: The job that made this one.
    parent = models.ForeignKey(
        "self",
        verbose_name=_("parent"),
        null=True,
        blank=True,
        editable=False,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="children",
    )
    #: Jobs of one function that share a key share its limits per key, and keys take turns.
    concurrency_key = models.CharField(
        _("concurrency key"), max_length=255, default="", db_default="", blank=True
    )
    #: When nobody wants it to start any more.
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    #: When its priority was last raised because it was waiting for long.
    aged_at = models.DateTimeField(_("aged at"), null=True, blank=True, editable=False)
    #: The schedule that made it, and the tick that it was made for.
    schedule = models.ForeignKey(
        "Schedule",
        verbose_name=_("schedule"),
        null=True,
        blank=True,
        editable=False,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="jobs",
    )
    tick = models.DateTimeField(_("tick"), null=True, blank=True, editable=False)
    #: The step of a workflow that it is part of. No constraint: it would cost every job.
    step = models.ForeignKey(
        "django_jobs.Step",
        verbose_name=_("step"),
        null=True,
        blank=True,
        editable=False,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="jobs",
    )
    #: One object for each failed attempt, newest last.
    errors = models.JSONField(
        _("errors"), default=list, db_default=Value([], models.JSONField()), blank=True
    )
    #: Of the last failure: the same for failures of one kind at one place in the code.
    fingerprint = models.CharField(_("fingerprint"), max_length=16, null=True, blank=True)  # noqa: DJ001 - most never fail
    result = models.JSONField(_("result"), null=True, blank=True)
    #: Why it is where it is, where that is not plain: parked, cancelled. Empty at the next claim.
    note = models.TextField(_("note"), null=True, blank=True)  # noqa: DJ001 - mostly absent
    #: What it told of itself last: done, total, message, at.
    progress = models.JSONField(_("progress"), null=True, blank=True)
    #: The last lines it has logged, oldest first: attempt, at, message.
    log = models.JSONField(_("log"), null=True, blank=True)
    #: Yours.
    meta = models.JSONField(
        _("meta"), default=dict, db_default=Value({}, models.JSONField()), blank=True
    )

    #: False on what enqueue returns where a live job already held the unique key.
    created: bool = True

    objects = JobQuerySet.as_manager()

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        permissions = [
            ("retry_job", "Can retry jobs"),
            ("cancel_job", "Can cancel jobs"),
            ("view_job_arguments", "Can see the arguments and results of jobs"),
        ]
        indexes = [
            # Exactly the claimable rows, in exactly the order of the claim.
            models.Index(
                F("queue"),
                F("lane"),
                F("concurrency_key"),
                F("priority").desc(),
                F("id"),
                name="django_jobs_job_ready",
                condition=Q(state=State.READY),
            ),
            models.Index(
                fields=["scheduled_at"],
                name="django_jobs_job_scheduled",
                condition=Q(state=State.SCHEDULED),
            ),
            models.Index(
                fields=["worker"],
                name="django_jobs_job_running",
                condition=Q(state=State.RUNNING),
            ),
            # Without the jobs of workflows, which are pruned with these: it is written at each end.
            models.Index(
                fields=["prune_at"],
                name="django_jobs_job_finished",
                condition=Q(state__in=sorted(FINISHED), prune_at__isnull=False),
            ),
            # What is counted where a lane has a limit.
            models.Index(
                fields=["lane", "concurrency_key"],
                name="django_jobs_job_lane",
                condition=Q(state=State.RUNNING) & ~Q(lane=""),
            ),
            # Those that an ordered lane waits for: they have begun, and are to go on later. Told
            # without the names of their states, or the planner might take the index of all that
            # is scheduled.
            models.Index(
                fields=["lane", "concurrency_key"],
                name="django_jobs_job_held",
                condition=Q(worker__isnull=True, finished_at__isnull=True, claims__gt=0)
                & ~Q(state=State.READY)
                & ~Q(lane=""),
            ),
            models.Index(
                fields=["expires_at"],
                name="django_jobs_job_expires",
                condition=Q(expires_at__isnull=False, state__in=sorted(_UNCLAIMED)),
            ),
            # Ends that somebody waits for: in here for a moment only.
            models.Index(
                fields=["id"],
                name="django_jobs_job_unsettled",
                condition=Q(unsettled=True, state__in=sorted(FINISHED)),
            ),
            # Beside it stand two over kwargs, made by a migration: Django has no such kind of index
            # outside of django.contrib.postgres.
            models.Index(
                F("name"),
                F("state"),
                F("finished_at").desc(),
                name="django_jobs_job_remembered",
                condition=Q(remembered=True),
            ),
            # Few jobs have parents.
            models.Index(
                fields=["parent"],
                name="django_jobs_job_parent",
                condition=Q(parent__isnull=False),
            ),
            # What a schedule has made, newest first.
            models.Index(
                F("schedule"),
                F("id").desc(),
                name="django_jobs_job_schedule",
                condition=Q(schedule__isnull=False),
            ),
            # Few jobs are part of a workflow.
            models.Index(
                fields=["step"],
                name="django_jobs_job_step",
                condition=Q(step__isnull=False),
            ),
            # Failures are few and are what people look for.
            models.Index(
                fields=["-finished_at"],
                name="django_jobs_job_failed",
                condition=Q(state=State.FAILED),
            ),
            *LISTS,
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["unique_key"],
                name="django_jobs_job_unique_key",
                condition=Q(unique_key__isnull=False, state__in=sorted(LIVE)),
            ),
            models.CheckConstraint(
                name="django_jobs_job_state", condition=Q(state__in=sorted(State.values))
            ),
            models.CheckConstraint(
                name="django_jobs_job_running_has_worker",
                condition=~Q(state=State.RUNNING) | Q(worker__isnull=False),
            ),
            models.CheckConstraint(
                name="django_jobs_job_waiting_has_no_worker",
                condition=~Q(state__in=sorted(_UNCLAIMED)) | Q(worker__isnull=True),
            ),
            models.CheckConstraint(
                name="django_jobs_job_finished_has_time",
                condition=Q(state__in=sorted(FINISHED), finished_at__isnull=False)
                | Q(state__in=sorted(LIVE), finished_at__isnull=True),
            ),
            models.CheckConstraint(
                name="django_jobs_job_attempts",
                # No upper bound by max_attempts: one odd row must not make a whole claim fail.
                condition=Q(attempts__gte=0, max_attempts__gte=1),
            ),
            models.CheckConstraint(name="django_jobs_job_units", condition=Q(units__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.name} #{self.pk}"

    @property
    def is_finished(self) -> bool:
        """Return whether the job has ended, well or not."""
        return self.state in FINISHED

    @property
    def duration(self) -> timedelta | None:
        """Return how long the last run took, or None."""
        if self.started_at is None or self.finished_at is None:
            return None
        return self.finished_at - self.started_at
