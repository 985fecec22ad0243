"""The system checks."""

from __future__ import annotations

from django.core.checks import run_checks
from django.db import connections


def ids():
    return {message.id for message in run_checks() if (message.id or "").startswith("django_jobs")}


def test_a_sound_project_has_nothing_to_report():
    assert ids() == set()


def test_wrong_settings_are_an_error_with_a_hint(settings):
    settings.DJANGO_JOBS = {"POLL_INTERVAL": -1}
    (message,) = [m for m in run_checks() if m.id == "django_jobs.E001"]
    assert "POLL_INTERVAL" in message.msg
    assert message.hint


def test_another_database_engine_is_an_error_with_a_hint(monkeypatch):
    monkeypatch.setattr(connections["default"], "vendor", "sqlite")
    (message,) = [m for m in run_checks() if m.id == "django_jobs.E002"]
    assert "needs PostgreSQL" in message.msg
    assert "DATABASE_ROUTERS" in str(message.hint)
