"""The effect ledger: every run of a test job leaves a row, so that an audit can count them."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class Effect(models.Model):
    """One run of one job had this effect."""

    job = models.BigIntegerField(null=True)
    label = models.CharField(max_length=255)
    pid = models.IntegerField()
    made_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.label} by {self.pid}"


class Gate(models.Model):
    """A named gate: jobs wait at it until a test opens it."""

    name = models.CharField(max_length=255, unique=True)

    def __str__(self) -> str:
        return self.name
