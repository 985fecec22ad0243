"""System checks: what can be known to be wrong before it hurts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

from django_jobs.conf import options
from django_jobs.engine.sql import write_alias
from django_jobs.exceptions import JobsError


@register
def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report what is wrong with the setting DJANGO_JOBS."""
    try:
        options()
    except JobsError as error:
        hint = "docs/settings.md lists every key with its default."
        return [Error(str(error), hint=hint, id="django_jobs.E001")]
    return []


@register(Tags.compatibility)
def check_database(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report that jobs would be stored in a database that is not PostgreSQL."""
    alias = write_alias(None)
    if connections[alias].vendor == "postgresql":
        return []
    return [
        Error(
            f"Jobs are stored in the database {alias!r}, which is "
            f"{connections[alias].display_name}: django_jobs needs PostgreSQL.",
            hint=(
                "Set its ENGINE to django.db.backends.postgresql, or route the app django_jobs to "
                "a PostgreSQL database by DATABASE_ROUTERS."
            ),
            id="django_jobs.E002",
        )
    ]
