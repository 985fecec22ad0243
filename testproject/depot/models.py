"""Rows of which the database makes jobs by triggers, whoever writes them."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q, Value

from django_jobs.triggers import JobTrigger

#: The columns that are handed to the job of a sample.
SAMPLED = """
    id text number flag amount ratio moment day clock span key address file data words table days
    twice shelf_id
""".split()  # noqa: SIM905 - as a list it has as many lines as words


class Shelf(models.Model):
    code = models.UUIDField(primary_key=True)

    def __str__(self) -> str:
        return str(self.code)


class Parcel(models.Model):
    """Triggers on it are of every kind that a declaration can have."""

    label = models.CharField(max_length=100)
    status = models.CharField(max_length=10, default="packed")
    weight = models.IntegerField(default=1)
    due_at = models.DateTimeField(null=True)
    shelf = models.ForeignKey(Shelf, null=True, on_delete=models.SET_NULL)

    class Meta:
        constraints = [
            JobTrigger(name="depot_new", job="testproject.depot.jobs.weigh", on="insert"),
            JobTrigger(
                name="depot_sent",
                job="testproject.depot.jobs.tell",
                on=["insert", "update"],
                update_of=["status"],
                when=Q(status="sent"),
                kwargs={
                    "parcel": "pk",
                    "before": "old.status",
                    "after": "new.status",
                    "by": Value("a trigger"),
                },
                unique_key="parcel-{id}",
            ),
            JobTrigger(
                name="depot_lighter",
                job="testproject.depot.jobs.weigh",
                on="update",
                when=Q(weight__lt=10),
                when_old=Q(weight__gte=10),
                queue="scales",
                priority=7,
                max_attempts=4,
                timeout=90,
                scheduled_at=timedelta(minutes=5),
                notify=False,
            ),
            JobTrigger(
                name="depot_due",
                job="testproject.depot.jobs.weigh",
                on="update",
                update_of=["due_at"],
                scheduled_at="due_at",
            ),
            JobTrigger(
                name="depot_gone",
                job="testproject.depot.jobs.tell",
                on="delete",
                kwargs={"parcel": "pk", "before": "status"},
            ),
            JobTrigger(
                name="depot_books",
                job="testproject.depot.jobs.count",
                on=["insert", "update", "delete"],
                for_each="statement",
                kwargs={"ids": "ids", "count": "count", "operation": "operation", "table": "table"},
            ),
        ]

    def __str__(self) -> str:
        return self.label


class Sample(models.Model):
    """A column of each type that a job can be given."""

    text = models.TextField(null=True)  # noqa: DJ001 - null is one of the values
    number = models.BigIntegerField(null=True)
    flag = models.BooleanField(null=True)
    amount = models.DecimalField(max_digits=20, decimal_places=4, null=True)
    ratio = models.FloatField(null=True)
    moment = models.DateTimeField(null=True)
    day = models.DateField(null=True)
    clock = models.TimeField(null=True)
    span = models.DurationField(null=True)
    key = models.UUIDField(null=True)
    address = models.GenericIPAddressField(null=True)
    file = models.FileField(null=True)
    data = models.JSONField(null=True)
    words = ArrayField(models.CharField(max_length=50), null=True)
    table = ArrayField(ArrayField(models.IntegerField()), null=True)
    days = ArrayField(models.DateField(null=True), null=True)
    twice = models.GeneratedField(
        expression=F("number") * 2, output_field=models.BigIntegerField(), db_persist=True
    )
    shelf = models.ForeignKey(Shelf, null=True, on_delete=models.CASCADE, db_column="the shelf")

    class Meta:
        constraints = [
            JobTrigger(
                name="depot_sample",
                job="testproject.depot.jobs.hand_back",
                on=["insert", "update"],
                kwargs={name: name for name in SAMPLED},
            )
        ]

    def __str__(self) -> str:
        return f"Sample {self.pk}"
