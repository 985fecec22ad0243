from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_jobs.conf import Options, options, read
from django_jobs.exceptions import InvalidSettings, JobsError


def test_nothing_set_means_all_defaults():
    assert read({}) == Options()


def test_a_key_that_is_set_replaces_its_default_alone():
    given = read({"CONCURRENCY": 3, "POLL_INTERVAL": timedelta(seconds=2)})

    assert (given.concurrency, given.poll_interval) == (3, 2.0)
    assert given.heartbeat_timeout == Options().heartbeat_timeout


def test_retention_is_merged_by_state():
    kept = read({"RETENTION": {"failed": timedelta(hours=1), "succeeded": 0}}).retention

    assert kept == {"succeeded": 0.0, "failed": 3600.0, "cancelled": 86400.0}


def test_ageing_is_by_one_step_unless_told_otherwise():
    given = read({"AGEING": {"after": timedelta(minutes=5), "up_to": 10}})

    assert given.ageing == {"after": 300.0, "by": 1, "up_to": 10}


@pytest.mark.parametrize("names", [["a", "b"], ("a", "b")])
def test_names_may_be_a_list_or_a_tuple(names):
    given = read({"QUEUES": names, "JOB_MODULES": names})

    assert tuple(given.queues) == given.job_modules == ("a", "b")


def test_a_change_of_the_setting_is_seen(settings):
    settings.DJANGO_JOBS = {"CONCURRENCY": 3}
    assert options().concurrency == 3

    settings.DJANGO_JOBS = {"CONCURRENCY": 4}
    assert options().concurrency == 4


def test_a_project_may_set_nothing_at_all(settings):
    del settings.DJANGO_JOBS

    assert options() == Options()


def test_errors_are_named_and_djangos_own():
    with pytest.raises(InvalidSettings) as caught:
        read({"NOPE": 1})

    assert isinstance(caught.value, ImproperlyConfigured)
    assert isinstance(caught.value, JobsError)


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("CONCURENCY", "CONCURRENCY"),
        ("concurrency", "CONCURRENCY"),
        ("HEARTBEAT_TIMOUT", "HEARTBEAT_TIMEOUT"),
        ("STRICT_QUEUE", "STRICT_QUEUES"),
    ],
)
def test_an_unknown_key_names_the_nearest(key, nearest):
    with pytest.raises(InvalidSettings, match=f"no key '{key}'. Did you mean '{nearest}'"):
        read({key: 1})


@pytest.mark.parametrize("key", [1, None, ("a",), b"QUEUES"])
def test_a_key_that_is_no_text_is_unknown(key):
    with pytest.raises(InvalidSettings, match="has no key"):
        read({key: 1})


@pytest.mark.parametrize("given", [None, [], "QUEUES", 5])
def test_only_a_mapping_will_do(given):
    with pytest.raises(InvalidSettings, match="must be a dict"):
        read(given)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("CONCURRENCY", 0),
        ("CONCURRENCY", -1),
        ("CONCURRENCY", 10_001),
        ("CONCURRENCY", "10"),
        ("CONCURRENCY", True),
        ("CONCURRENCY", 1.5),
        ("DEFAULT_TIMEOUT", -1),
        ("DEFAULT_TIMEOUT", "10 minutes"),
        ("POLL_INTERVAL", 0),
        ("POLL_INTERVAL", float("nan")),
        ("HEARTBEAT_INTERVAL", 0),
        ("HEARTBEAT_TIMEOUT", 10**400),
        ("SHUTDOWN_TIMEOUT", timedelta(days=-1)),
        ("PRUNE_INTERVAL", None),
        ("BACKOFF", "later"),
        ("BACKOFF", -1),
        ("BACKOFF_JITTER", -0.1),
        ("BACKOFF_JITTER", float("nan")),
        ("BACKOFF_JITTER", True),
        ("LISTEN", 1),
        ("STRICT_QUEUES", "yes"),
        ("QUEUES", "default"),
        ("QUEUES", [""]),
        ("QUEUES", [1]),
        ("QUEUES", 5),
        ("QUEUES", {"mail": 5}),
        ("QUEUES", {"mail": {"max_runing": 5}}),
        ("QUEUES", {"mail": {"max_running": 0}}),
        ("JOB_MODULES", "reports"),
        ("RETENTION", 5),
        ("RETENTION", {"running": 5}),
        ("RETENTION", {"failed": -5}),
        ("TIMEOUT_GRACE", -1),
        ("TIMEOUT_GRACE", None),
        ("JOB_PROCESSES", 0),
        ("JOB_PROCESSES", 1.5),
        ("JOB_PROCESS_MAX_JOBS", 0),
        ("JOB_PROCESS_MAX_JOBS", True),
        ("JOB_PROCESS_MAX_MEMORY", -1),
        ("WORKER_MAX_JOBS", "many"),
        ("WORKER_MAX_AGE", 0),
        ("WORKER_MAX_AGE", "a day"),
        ("WORKER_MAX_MEMORY", 0),
        ("WORKER_MAX_AGE", 0.5),
        ("ADMIN_VISIBLE_JOBS", len),
        ("QUEUE_ORDER", "random"),
        ("AGEING", 60),
        ("AGEING", {"after": 60}),
        ("AGEING", {"after": 60, "up_to": 5, "until": 5}),
        ("AGEING", {"after": 0.5, "up_to": 5}),
        ("AGEING", {"after": 60, "up_to": 5, "by": 0}),
        ("AGEING", {"after": 60, "up_to": "high"}),
        ("MIDDLEWARE", "shop.middleware.timing"),
        ("MIDDLEWARE", [len]),
        ("STOP_SIGNALS", "SIGTERM"),
        ("STOP_SIGNALS", ["SIGKILL"]),
        ("STOP_SIGNALS", ["SIGALRM"]),
        ("STOP_SIGNALS", ["SIGNOTHING"]),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_value_that_makes_no_sense_is_refused_by_its_key(key, value):
    with pytest.raises(InvalidSettings, match=f"(?i)DJANGO_JOBS: {key}"):
        read({key: value})


def test_a_heartbeat_that_may_be_late_must_not_mean_death():
    with pytest.raises(InvalidSettings, match="at least twice HEARTBEAT_INTERVAL"):
        read({"HEARTBEAT_INTERVAL": 20})


@pytest.mark.parametrize(
    "key",
    [
        "JOB_PROCESSES",
        "JOB_PROCESS_MAX_JOBS",
        "JOB_PROCESS_MAX_MEMORY",
        "WORKER_MAX_JOBS",
        "WORKER_MAX_AGE",
        "WORKER_MAX_MEMORY",
    ],
)
def test_what_need_not_be_limited_may_be_none(key):
    assert getattr(read({key: None}), key.lower()) is None


def test_what_is_run_and_how_it_is_ended_can_be_said():
    given = read(
        {
            "TIMEOUT_GRACE": timedelta(seconds=3),
            "WORKER_MAX_AGE": timedelta(hours=1),
            "MIDDLEWARE": ["shop.middleware.timing"],
            "STOP_SIGNALS": ["SIGTERM", "SIGHUP"],
        }
    )

    assert (given.timeout_grace, given.worker_max_age) == (3.0, 3600.0)
    assert given.middleware == ("shop.middleware.timing",)
    assert given.stop_signals == ("SIGTERM", "SIGHUP")


def test_a_signal_that_does_not_exist_names_the_nearest():
    with pytest.raises(InvalidSettings, match="Did you mean 'SIGTERM'"):
        read({"STOP_SIGNALS": ["SIGTERMM"]})


class TestUnits:
    """What a host has; the environment goes over the setting."""

    def test_nothing_said_is_told_from_the_default(self):
        assert read({}).units is None

    def test_the_setting(self):
        assert read({"UNITS": 7}).units == 7

    @pytest.mark.parametrize("name", ["DJANGO_JOBS_UNITS", "JOBMASTER_SYSTEM_PROCESS_UNITS"])
    def test_the_environment_goes_over_the_setting(self, name, monkeypatch):
        monkeypatch.setenv(name, "500")

        assert read({"UNITS": 7}).units == 500

    def test_our_own_name_goes_over_the_other_one(self, monkeypatch):
        monkeypatch.setenv("DJANGO_JOBS_UNITS", "1")
        monkeypatch.setenv("JOBMASTER_SYSTEM_PROCESS_UNITS", "2")

        assert read({}).units == 1

    def test_an_empty_variable_says_nothing(self, monkeypatch):
        monkeypatch.setenv("DJANGO_JOBS_UNITS", "")

        assert read({"UNITS": 7}).units == 7

    @pytest.mark.parametrize("text", ["many", "1.5", "-3", "0", "1e3"])
    def test_what_is_no_number_of_units_is_refused(self, text, monkeypatch):
        monkeypatch.setenv("JOBMASTER_SYSTEM_PROCESS_UNITS", text)

        with pytest.raises(InvalidSettings, match="UNITS"):
            read({})


def test_a_wrong_setting_is_reported_each_time_and_not_only_once(settings):
    settings.DJANGO_JOBS = {"QUEUS": []}
    for _ in range(2):
        with pytest.raises(InvalidSettings, match="Did you mean 'QUEUES'"):
            options()
