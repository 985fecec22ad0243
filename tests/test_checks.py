"""The system checks."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks
from django.db import connections

from django_jobs import Dependency, argumentindex, cron, job, registry, same
from django_jobs.checks import declarations
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


def test_wrong_settings_are_the_only_error_whatever_else_depends_on_them(
    settings, monkeypatch, own_registry
):
    # Given a pool, schedules, and models with triggers
    monkeypatch.setitem(connections["default"].settings_dict, "OPTIONS", {"pool": True})
    cron("@daily", kwargs={"size": 1})(make_needy())
    settings.DJANGO_JOBS = {"POLL_INTERVAL": -1}
    # When the system is checked, then nothing but the settings is wrong
    assert ids() == {"django_jobs.E001"}
    # Nor if the jobs of the schedules have to be looked for
    registry._definitions.clear()
    assert ids() == {"django_jobs.E001"}


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


@pytest.fixture
def declare(own_registry):
    """Return a function that registers a job function under a name, with its dependencies."""

    def declared(name, *depends_on, func=takes_n):
        registry.register(define(func, name, None, depends_on=depends_on))

    return declared


def takes_n(n):
    """Have one argument."""


def takes_n_by_position(n, /):
    """Have one argument, which nobody can name."""


def takes_n_and_m(n, m):
    """Have two arguments."""


def takes_anything(**anything):
    """Have any arguments."""


def found_dependencies():
    return [
        (str(message.id)[-4:], message.msg) for message in declarations.check_dependencies(None)
    ]


def test_dependencies_that_can_be_met_are_in_order(declare):
    declare("a")
    declare("b", Dependency("a", 1, n=same + 1), Dependency("c", 1, n=1))
    declare("c", Dependency("a", 1))
    declare("any", Dependency("a", 1, n=same("x")), func=takes_anything)
    declare("d", Dependency("any", 1, x=3))

    assert found_dependencies() == []


@pytest.mark.parametrize(
    ("needs", "code", "told"),
    [
        (Dependency("aa", 1), "E021", "b depends on a job that is not there: "),
        (Dependency("aa", 1), "E021", "Did you mean 'a'?"),
        (Dependency("a", 1, nn=1), "E022", "a takes no argument 'nn' by name. Did you mean 'n'?"),
        (Dependency("a", None, hours=1), "E022", "a takes no argument 'hours' by name."),
        (Dependency("a", 1, n=same.nn), "E022", "b has no argument 'nn'. Did you mean 'n'?"),
        (Dependency("a", 1, n=same - same.x), "E022", "b has no argument 'x'."),
        (Dependency("two", 1), "E022", "nobody says what 'm' is to be, which two requires"),
        (Dependency("exact", 1), "E022", "exact takes 'n' by position only"),
    ],
    ids=str,
)
def test_dependencies_that_cannot_be_met_are_errors(declare, needs, code, told):
    declare("a")
    declare("two", func=takes_n_and_m)
    declare("exact", func=takes_n_by_position)
    declare("b", needs)

    ((found, message),) = found_dependencies()

    assert found == code
    assert told in message


def test_what_a_sibling_says_is_known(declare):
    declare("a")
    declare("two", func=takes_n_and_m)
    declare("three", Dependency("two", 1, m=3), func=takes_n)
    declare("b", Dependency("two", 1), Dependency("three", 1, n=4, m=4))

    ((code, message),) = found_dependencies()

    # But three takes no m.
    assert (code, "takes no argument 'm'" in message) == ("E022", True)


@pytest.mark.parametrize(
    ("edges", "circle"),
    [
        ({"a": "a"}, "a → a"),
        ({"a": "b", "b": "a"}, "a → b → a"),
        ({"x": "a", "a": "b", "b": "c", "c": "a"}, "a → b → c → a"),
    ],
)
def test_circles_are_errors_that_name_them(declare, edges, circle):
    for name, needed in edges.items():
        declare(name, Dependency(needed, 1))

    ((code, message),) = found_dependencies()

    assert code == "E023"
    assert message == f"Jobs depend on each other in a circle: {circle}."


class TestTheIndexOfArguments:
    """Whoever searches by arguments wants an index of them."""

    @pytest.fixture(autouse=True)
    def search(self, settings, transactional_db):
        settings.DJANGO_JOBS = {"ADMIN_SEARCH_ARGUMENTS": True}
        yield
        argumentindex.drop("default")

    def warnings(self):
        found = run_checks(tags=["database"], databases=["default"])
        return [message for message in found if message.id == "django_jobs.W004"]

    def test_without_it_there_is_a_warning_with_a_hint(self):
        (message,) = self.warnings()

        assert "jobs index-arguments" in str(message.hint)
        assert run_checks() == []

    def test_with_it_or_without_the_search_there_is_none(self, settings):
        argumentindex.create("default")
        assert self.warnings() == []

        argumentindex.drop("default")
        settings.DJANGO_JOBS = {}
        assert self.warnings() == []
