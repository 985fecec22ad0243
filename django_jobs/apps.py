"""The app: it finds the jobs of all others."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
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
        post_migrate.connect(_refresh_triggers, sender=self, dispatch_uid="django_jobs.triggers")


def _refresh_triggers(*, using: str, **sent: Any) -> None:
    """Make the triggers anew that migrations, or other options of their jobs, have outdated."""
    from django_jobs.triggers import catalogue

    # Sent by flush too, which changes no table, but then without a plan.
    if "plan" in sent:
        catalogue.refresh(sent["apps"], using)
