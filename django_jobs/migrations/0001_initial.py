import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

# Every job leaves two dead rows behind it: vacuum early and without pauses. The space left in each
# page keeps a row's next version beside it. The planner's figures may be old, never by much.
TUNE = """
ALTER TABLE django_jobs_job SET (
    fillfactor = 80,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.05
);
ALTER TABLE django_jobs_worker SET (
    fillfactor = 50,
    autovacuum_vacuum_threshold = 50,
    autovacuum_vacuum_scale_factor = 0
);
"""
UNTUNE = """
ALTER TABLE django_jobs_job RESET (
    fillfactor,
    autovacuum_vacuum_threshold,
    autovacuum_vacuum_scale_factor,
    autovacuum_vacuum_cost_delay,
    autovacuum_analyze_threshold,
    autovacuum_analyze_scale_factor
);
ALTER TABLE django_jobs_worker RESET (
    fillfactor, autovacuum_vacuum_threshold, autovacuum_vacuum_scale_factor
);
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Worker",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hostname", models.CharField(max_length=255, verbose_name="host")),
                ("pid", models.IntegerField(verbose_name="process id")),
                (
                    "queues",
                    models.JSONField(
                        db_default=models.Value([], models.JSONField()),
                        default=list,
                        verbose_name="queues",
                    ),
                ),
                ("concurrency", models.IntegerField(db_default=1, verbose_name="concurrency")),
                ("units", models.IntegerField(db_default=10000, verbose_name="units of its host")),
                ("version", models.CharField(db_default="", max_length=50, verbose_name="version")),
                (
                    "started_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="started at",
                    ),
                ),
                (
                    "heartbeat_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="last heartbeat",
                    ),
                ),
            ],
            options={
                "verbose_name": "worker",
                "verbose_name_plural": "workers",
            },
        ),
        migrations.CreateModel(
            name="Queue",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=255, unique=True, verbose_name="name")),
                (
                    "paused_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="paused at"),
                ),
                (
                    "resume_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="resumes at"),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="created at",
                    ),
                ),
            ],
            options={
                "verbose_name": "queue",
                "verbose_name_plural": "queues",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("resume_at__isnull", True),
                            ("paused_at__isnull", False),
                            _connector="OR",
                        ),
                        name="django_jobs_queue_resume_needs_pause",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Job",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "queue",
                    models.CharField(
                        db_default="default",
                        default="default",
                        max_length=255,
                        verbose_name="queue",
                    ),
                ),
                ("name", models.CharField(max_length=255, verbose_name="function")),
                (
                    "args",
                    models.JSONField(
                        db_default=models.Value([], models.JSONField()),
                        default=list,
                        verbose_name="positional arguments",
                    ),
                ),
                (
                    "kwargs",
                    models.JSONField(
                        db_default=models.Value({}, models.JSONField()),
                        default=dict,
                        verbose_name="keyword arguments",
                    ),
                ),
                ("priority", models.IntegerField(db_default=0, default=0, verbose_name="priority")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("scheduled", "scheduled"),
                            ("blocked", "blocked"),
                            ("ready", "ready"),
                            ("running", "running"),
                            ("succeeded", "succeeded"),
                            ("failed", "failed"),
                            ("cancelled", "cancelled"),
                        ],
                        db_default="ready",
                        default="ready",
                        max_length=9,
                        verbose_name="state",
                    ),
                ),
                (
                    "attempts",
                    models.SmallIntegerField(db_default=0, default=0, verbose_name="attempts"),
                ),
                (
                    "max_attempts",
                    models.SmallIntegerField(
                        db_default=1, default=1, verbose_name="maximum attempts"
                    ),
                ),
                (
                    "scheduled_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="scheduled at",
                    ),
                ),
                (
                    "enqueued_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="enqueued at",
                    ),
                ),
                (
                    "started_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="started at"),
                ),
                (
                    "finished_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="finished at"),
                ),
                (
                    "prune_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="kept until"),
                ),
                (
                    "unique_key",
                    models.CharField(
                        blank=True, max_length=255, null=True, verbose_name="unique key"
                    ),
                ),
                ("claims", models.IntegerField(db_default=0, default=0, verbose_name="claims")),
                (
                    "reprieves",
                    models.SmallIntegerField(db_default=0, default=0, verbose_name="reprieves"),
                ),
                ("timeout", models.DurationField(blank=True, null=True, verbose_name="timeout")),
                (
                    "memory_limit",
                    models.BigIntegerField(
                        blank=True, null=True, verbose_name="memory limit in bytes"
                    ),
                ),
                (
                    "units",
                    models.IntegerField(db_default=1, default=1, verbose_name="process units"),
                ),
                (
                    "lane",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        editable=False,
                        max_length=255,
                        verbose_name="lane",
                    ),
                ),
                (
                    "errors",
                    models.JSONField(
                        blank=True,
                        db_default=models.Value([], models.JSONField()),
                        default=list,
                        verbose_name="errors",
                    ),
                ),
                (
                    "fingerprint",
                    models.CharField(
                        blank=True, max_length=16, null=True, verbose_name="fingerprint"
                    ),
                ),
                ("result", models.JSONField(blank=True, null=True, verbose_name="result")),
                ("note", models.TextField(blank=True, null=True, verbose_name="note")),
                ("progress", models.JSONField(blank=True, null=True, verbose_name="progress")),
                ("log", models.JSONField(blank=True, null=True, verbose_name="log")),
                (
                    "meta",
                    models.JSONField(
                        blank=True,
                        db_default=models.Value({}, models.JSONField()),
                        default=dict,
                        verbose_name="meta",
                    ),
                ),
                (
                    "worker",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="jobs",
                        to="django_jobs.worker",
                        verbose_name="worker",
                    ),
                ),
            ],
            options={
                "verbose_name": "job",
                "verbose_name_plural": "jobs",
                "indexes": [
                    models.Index(
                        models.F("queue"),
                        models.F("lane"),
                        models.OrderBy(models.F("priority"), descending=True),
                        models.F("id"),
                        condition=models.Q(("state", "ready")),
                        name="django_jobs_job_ready",
                    ),
                    models.Index(
                        condition=models.Q(("state", "scheduled")),
                        fields=["scheduled_at"],
                        name="django_jobs_job_scheduled",
                    ),
                    models.Index(
                        condition=models.Q(("state", "running")),
                        fields=["worker"],
                        name="django_jobs_job_running",
                    ),
                    models.Index(
                        condition=models.Q(("state__in", ["cancelled", "failed", "succeeded"])),
                        fields=["prune_at"],
                        name="django_jobs_job_finished",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("state", "running"), models.Q(("lane", ""), _negated=True)
                        ),
                        fields=["lane"],
                        name="django_jobs_job_lane",
                    ),
                    models.Index(
                        condition=models.Q(("state", "failed")),
                        fields=["-finished_at"],
                        name="django_jobs_job_failed",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(
                            ("state__in", ["blocked", "ready", "running", "scheduled"]),
                            ("unique_key__isnull", False),
                        ),
                        fields=("unique_key",),
                        name="django_jobs_job_unique_key",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                [
                                    "blocked",
                                    "cancelled",
                                    "failed",
                                    "ready",
                                    "running",
                                    "scheduled",
                                    "succeeded",
                                ],
                            )
                        ),
                        name="django_jobs_job_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "running"), _negated=True),
                            ("worker__isnull", False),
                            _connector="OR",
                        ),
                        name="django_jobs_job_running_has_worker",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("state__in", ["blocked", "ready", "scheduled"]), _negated=True
                            ),
                            ("worker__isnull", True),
                            _connector="OR",
                        ),
                        name="django_jobs_job_waiting_has_no_worker",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("finished_at__isnull", False),
                                ("state__in", ["cancelled", "failed", "succeeded"]),
                            ),
                            models.Q(
                                ("finished_at__isnull", True),
                                ("state__in", ["blocked", "ready", "running", "scheduled"]),
                            ),
                            _connector="OR",
                        ),
                        name="django_jobs_job_finished_has_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("attempts__gte", 0), ("max_attempts__gte", 1)),
                        name="django_jobs_job_attempts",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("units__gte", 0)), name="django_jobs_job_units"
                    ),
                ],
            },
        ),
        migrations.RunSQL(TUNE, UNTUNE),
    ]
