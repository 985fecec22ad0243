"""What all tests share."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest
from django.conf import settings as django_settings
from hypothesis import HealthCheck, settings

from django_jobs import engine, registry, scheduling
from django_jobs.worker.worker import Worker
from tests import emptying
from tests.databases import is_behind_proxy, url_of_test_database
from tests.executors.bench import Bench, BenchMaker
from tests.threads import wait_until

#: Threads of a worker that write to tables.
COMPANIONS = {"job-heart", "job-services"}

# The database is the same for all examples on purpose, and its speed is not what is tested.
settings.register_profile(
    "tests",
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("tests")

emptying.install()


def pytest_configure() -> None:
    """Let passwords be cheap: Django's own hasher takes a quarter of a second for each user."""
    django_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Behind pgbouncer, leave out what needs a session, and say so."""
    for item in items if is_behind_proxy() else ():
        for mark in item.iter_markers("session"):
            item.add_marker(pytest.mark.skip(reason=f"needs a session: {mark.args[0]}"))


@pytest.fixture
def worker(db):
    """Return the id of a registered worker."""
    return engine.register(
        hostname="here", pid=1, queues=(), concurrency=10, version="", using="default"
    )


@pytest.fixture
def running_worker(transactional_db) -> Iterator[None]:
    """Let a worker run in a thread, as `runjobs` would beside somebody's shell."""
    worker = Worker()
    thread = threading.Thread(target=worker.run)
    thread.start()
    yield
    worker.stop()
    thread.join(timeout=20)
    assert not thread.is_alive()


@pytest.fixture(autouse=True)
def companions_leave(request) -> Iterator[None]:
    """Empty no tables while a thread beside a worker, which was told to stop, is still at them."""
    if "transactional_db" in request.fixturenames:
        request.getfixturevalue("transactional_db")  # so that it ends after this
    yield
    wait_until(lambda: not any(one.name in COMPANIONS for one in threading.enumerate()))


@pytest.fixture
def staff(client, django_user_model):
    """Return a function that logs somebody in who has these permissions."""

    def log_in(*permissions):
        # Imported here: this file is read before Django is set up.
        from django.contrib.auth.models import Permission

        user = django_user_model.objects.create_user("anna", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client.force_login(user)
        return client

    return log_in


@pytest.fixture
def own_registry(monkeypatch):
    """Let the test register jobs that no other test knows."""
    monkeypatch.setattr(registry, "_definitions", dict(registry._definitions))
    monkeypatch.setattr(registry, "_aliases", dict(registry._aliases))
    monkeypatch.setattr(scheduling, "_declarations", list(scheduling._declarations))


@pytest.fixture(scope="module")
def test_database_for_children(django_db_setup: None) -> Iterator[None]:
    """Let processes that are started meanwhile find the test database."""
    before = os.environ["DATABASE_URL"]
    os.environ["DATABASE_URL"] = url_of_test_database()
    yield
    os.environ["DATABASE_URL"] = before


@pytest.fixture
def make_bench(test_database_for_children: None) -> Iterator[BenchMaker]:
    """Return a function that makes benches for one test."""
    made: list[Bench] = []

    def make(*given: object, **how: object) -> Bench:
        made.append(Bench(*given, **how))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for bench in made:
        bench.executor.stop()
