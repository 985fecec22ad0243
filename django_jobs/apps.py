"""The app: it finds the jobs of all others."""

from __future__ import annotations

from typing import Any

import django
from django.apps import AppConfig, apps
from django.apps.registry import Apps
from django.db import connections, router
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules, import_string
from django.utils.translation import gettext_lazy as _


class DjangoJobsConfig(AppConfig):
    """Import ``jobs.py`` of every installed app, and register the system checks."""

    name = "django_jobs"
    verbose_name = _("Jobs")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_jobs import checks  # noqa: F401 - registers them

        autodiscover_modules("jobs")
        _discover_tasks()
        from django_jobs.testing import immediate

        immediate.follow_settings()
        post_migrate.connect(_sync, sender=self, dispatch_uid="django_jobs.catalogue")
        post_migrate.connect(_declare_schedules, sender=self, dispatch_uid="django_jobs.schedules")
        post_migrate.connect(_refresh_triggers, sender=self, dispatch_uid="django_jobs.triggers")


def _discover_tasks() -> None:
    """Import ``tasks.py`` of every app, where Django's tasks are ours to run.

    Their limits have to be known before the first of them is claimed.
    """
    if django.VERSION < (6, 0) and not apps.is_installed("django_tasks"):
        return
    from django_jobs.backend import telling
    from django_jobs.backend.framework import task_backends
    from django_jobs.backend.jobs import JobsBackend

    def is_ours(alias: str) -> bool:
        try:
            # Not the backend itself: another one may do anything when it is made.
            return issubclass(import_string(task_backends.settings[alias]["BACKEND"]), JobsBackend)
        except Exception:  # whatever is wrong with another backend, Django's own check tells
            return False

    if any(is_ours(alias) for alias in task_backends):
        telling.listen()
        autodiscover_modules("tasks")


def _sync(*, using: str, **kwargs: Any) -> None:
    """Write the job functions to the database that was migrated, if it has the table for them."""
    from django_jobs import catalogue
    from django_jobs.models import Task

    if connections[using].vendor != "postgresql" or not router.allow_migrate_model(using, Task):
        return
    try:
        migrated = kwargs.get("apps", apps).get_model("django_jobs", "Task")
    except LookupError:  # migrated to before there was one
        return
    names = [[field.name for field in model._meta.fields] for model in (migrated, Task)]
    if names[0] == names[1]:
        catalogue.sync(using=using, authoritative=True)


def _declare_schedules(*, using: str, apps: Apps = apps, **sent: Any) -> None:
    """Write the declared schedules down, where their table is and has come to stay."""
    from django_jobs import engine
    from django_jobs.engine.sql import write_alias
    from django_jobs.scheduling import declared

    try:
        apps.get_model("django_jobs", "Schedule")
    except LookupError:  # migrated back to before there were any
        return
    if using == write_alias(None) and connections[using].vendor == "postgresql":
        engine.declare(declared(), using=using)


def _refresh_triggers(*, using: str, **sent: Any) -> None:
    """Make the triggers anew that migrations, or other options of their jobs, have outdated."""
    from django_jobs.triggers import catalogue

    # Sent by flush too, which changes no table, but then without a plan.
    if "plan" in sent:
        catalogue.refresh(sent["apps"], using)
