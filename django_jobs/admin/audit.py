"""What was done in the admin, and by whom: entries of the admin's own log."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.http import HttpRequest

#: Rows that have an entry each; of more there is one entry, which says how many.
MOST = 100


def note(request: HttpRequest, rows: Collection[Model], message: str) -> None:
    """Write down that the user of the request has changed these rows."""
    if not rows:
        return
    if len(rows) <= MOST:
        user = request.user.pk
        LogEntry.objects.log_actions(user, list(rows), CHANGE, message)  # type: ignore[arg-type]
        return
    note_many(request, type(next(iter(rows))), len(rows), message)


def note_many(request: HttpRequest, model: type[Model], count: int, message: str) -> None:
    """Write down in one entry that the user of the request has changed so many rows."""
    LogEntry.objects.create(
        user_id=request.user.pk or 0,  # a member of staff, so it has one
        content_type=ContentType.objects.get_for_model(model, for_concrete_model=False),
        object_repr=f"{count:,} {model._meta.verbose_name_plural}",
        action_flag=CHANGE,
        change_message=message,
    )
