"""What the jobs have in common, and the list of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from django_jobs.models import Job, Worker

#: How each of them is made.
KINDS: list[Callable[[], Job]] = []

ERROR = {"attempt": 1, "exception": "builtins.ValueError", "message": "4711"}


def kind(make):
    """Declare how a job of a kind is made, with all that keeps it from running."""
    KINDS.append(make)
    return make


def ago(**duration):
    return timezone.now() - timedelta(**duration)


def ahead(**duration):
    return timezone.now() + timedelta(**duration)


def hire(**fields):
    return Worker.objects.create(**{"hostname": "web1", "pid": 1, "concurrency": 10, **fields})
