"""The system checks."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks
from django.db import connections

from django_jobs import cron, job, registry
from django_jobs.definitions import define


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


def test_a_schedule_whose_arguments_do_not_fit_is_an_error(own_registry, monkeypatch):
    monkeypatch.setattr("django_jobs.scheduling._declarations", [])
    cron("@daily", name="nightly")(make_needy())
    (message,) = [m for m in run_checks() if m.id == "django_jobs.E020"]
    assert "'nightly'" in message.msg
    assert "size" in message.msg
    assert message.hint


def test_a_schedule_on_a_queue_that_is_not_declared_is_an_error(
    own_registry, monkeypatch, settings
):
    monkeypatch.setattr("django_jobs.scheduling._declarations", [])
    settings.DJANGO_JOBS = {"STRICT_QUEUES": True}
    cron("@daily", name="nightly", kwargs={"size": 1}, queue="elsewhere")(make_needy())
    assert "django_jobs.E020" in ids()


def make_needy():
    """Return a fresh function that needs an argument."""

    def needy(size):
        return size

    needy.__qualname__ = "needy"
    return needy


def test_middleware_that_cannot_be_imported_is_an_error(settings):
    settings.DJANGO_JOBS = {"MIDDLEWARE": ["shop.nowhere.timing"]}
    (message,) = [m for m in run_checks() if m.id == "django_jobs.E004"]
    assert "MIDDLEWARE" in message.msg
    assert message.hint


def test_a_job_that_asks_for_what_its_executor_cannot_do_is_an_error(own_registry):
    # Given a definition that was registered by hand, past the decorator
    registry.register(define(plain, "plain", "thread", memory_limit=10**9))
    # Then the check says what the decorator would have said
    (message,) = [m for m in run_checks() if m.id == "django_jobs.E003"]
    assert "cannot limit memory" in message.msg


def plain():
    pass


@pytest.mark.usefixtures("own_registry")
def test_a_job_that_takes_more_than_its_host_has_is_a_warning_with_both_numbers(settings):
    settings.DJANGO_JOBS = {"UNITS": 3000}
    job(units=4000)(weigh)
    (message,) = [m for m in run_checks() if m.id == "django_jobs.W001"]
    assert message.msg.startswith("tests.test_checks.weigh takes 4,000 units")
    assert "3,000 units" in str(message.hint)
    assert "4,000" in str(message.hint)


@pytest.mark.usefixtures("own_registry")
def test_a_job_that_takes_all_that_its_host_has_is_sound():
    job(units=10_000)(weigh)
    assert "django_jobs.W001" not in ids()


def weigh() -> None:
    """Be heavy."""
