"""The system checks of the database that jobs are in."""

from __future__ import annotations

import pytest
from django.core.checks import Tags, run_checks
from django.db import connections
from psycopg import IsolationLevel

from django_jobs.checks.databases import check_rows
from django_jobs.models import Schedule


def found(**how):
    return {one.id: one for one in run_checks(**how) if (one.id or "").startswith("django_jobs")}


@pytest.fixture
def connection_settings(monkeypatch):
    """Return a function that changes the settings of the jobs' database."""
    settings = connections["default"].settings_dict

    def change(**changed):
        for name, value in changed.items():
            monkeypatch.setitem(settings, name, value)

    return change


def test_autocommit_that_is_off_is_an_error(connection_settings):
    connection_settings(AUTOCOMMIT=False)
    assert "committed" in found()["django_jobs.E010"].msg


@pytest.mark.parametrize("level", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
def test_an_isolation_level_above_read_committed_is_a_warning(connection_settings, level):
    connection_settings(OPTIONS={"isolation_level": level})
    assert level.name in found()["django_jobs.W014"].msg


def test_read_committed_that_is_said_is_no_matter(connection_settings):
    connection_settings(OPTIONS={"isolation_level": IsolationLevel.READ_COMMITTED})
    assert found() == {}


def test_a_pool_with_connections_that_last_is_an_error(connection_settings):
    connection_settings(OPTIONS={"pool": {"max_size": 100}}, CONN_MAX_AGE=60)
    assert set(found()) == {"django_jobs.E011"}


@pytest.mark.parametrize(
    ("pool", "is_enough"),
    [(True, False), ({"min_size": 2, "max_size": 10}, False), ({"max_size": 14}, True)],
)
def test_a_pool_smaller_than_a_worker_is_a_warning(connection_settings, pool, is_enough):
    connection_settings(OPTIONS={"pool": pool}, CONN_MAX_AGE=0)
    assert ("django_jobs.W011" in found()) is not is_enough


def test_listening_through_a_proxy_of_transactions_is_a_warning(connection_settings, settings):
    connection_settings(DISABLE_SERVER_SIDE_CURSORS=True)
    assert set(found()) == {"django_jobs.W012"}
    # Not where workers poll
    settings.DJANGO_JOBS = {"LISTEN": False}
    assert found() == {}


class Apart:
    """Leaves to jobs a database of their own."""

    def db_for_write(self, model, **hints):
        return "default" if model._meta.app_label == "django_jobs" else "shop"


def test_jobs_in_a_database_without_other_models_are_a_warning(settings):
    settings.DATABASE_ROUTERS = [Apart()]
    warning = found()["django_jobs.W010"]
    assert "on_commit" in str(warning.hint)


@pytest.mark.django_db
def test_a_schedule_that_names_an_unknown_function_is_found_where_databases_are_checked():
    # Given a schedule of a function that was renamed, and a sound one
    Schedule.objects.create(name="sound", function="testproject.ledger.jobs.nothing", cron="@daily")
    Schedule.objects.create(name="old", function="shop.jobs.gone", cron="@daily")
    # When the system is checked without, and with the database
    assert found() == {}
    by_id = found(databases=["default"])
    # Then it is named
    assert "'old'" in by_id["django_jobs.W030"].msg
    assert set(found(tags=[Tags.database], databases=["default"])) == {"django_jobs.W030"}
    # And a database without jobs is none of its matters: this one is not even there
    assert check_rows(None, databases=["archive"]) == []


@pytest.mark.parametrize("path", ["testproject.shop.jobs.no_such", "testproject.settings.BASE_DIR"])
def test_a_function_of_the_admin_that_is_none_is_an_error(settings, path):
    settings.DJANGO_JOBS = {"ADMIN_VISIBLE_JOBS": path}
    assert set(found()) == {"django_jobs.E006"}
