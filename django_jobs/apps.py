"""The app: it finds the jobs of all others."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps
from django.apps.registry import Apps
from django.db import connections
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class DjangoJobsConfig(AppConfig):
    """Import ``jobs.py`` of every installed app, and register the system checks."""

    name = "django_jobs"
    verbose_name = _("Jobs")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_jobs import checks  # noqa: F401 - registers them

        autodiscover_modules("jobs")
        post_migrate.connect(_declare_schedules, sender=self, dispatch_uid="django_jobs.schedules")


def _declare_schedules(*, using: str, apps: Apps = apps, **sent: Any) -> None:
    """Write the declared schedules down, where their table is and has come to stay."""
    from django_jobs import engine
    from django_jobs.declarations import declared
    from django_jobs.engine.sql import write_alias

    try:
        apps.get_model("django_jobs", "Schedule")
    except LookupError:  # migrated back to before there were any
        return
    if using == write_alias(None) and connections[using].vendor == "postgresql":
        engine.declare(declared(), using=using)
