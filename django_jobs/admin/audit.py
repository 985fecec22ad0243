"""What people do in the admin, in Django's own log of it: their names, never any values."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import Model
from django.http import HttpRequest


def note(request: HttpRequest, rows: Collection[Model], message: str) -> None:
    """Log what the user of a request has done to some rows."""
    if rows:
        LogEntry.objects.log_actions(request.user.pk, rows, CHANGE, message)  # type: ignore[arg-type]
