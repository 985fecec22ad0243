"""The house: floors with imports only downward, one reader of settings, SQL only below."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import django_jobs
from tests.architecture import violations

PACKAGE = Path(django_jobs.__file__).parent


@pytest.fixture(scope="module")
def known():
    """Return what is wrong already."""
    return set(violations(PACKAGE))


@pytest.fixture
def copy(tmp_path):
    """Return a copy of the package to spoil."""
    return shutil.copytree(
        PACKAGE, tmp_path / "django_jobs", ignore=shutil.ignore_patterns("__pycache__")
    )


def test_the_house_stands():
    assert violations(PACKAGE) == []


#: What may be planted where, and what the checker says of it.
PLANTS = {
    "an upward import": (
        "states.py",
        "from django_jobs import engine",
        "states:1: imports engine upward, from floor 0 to 2",
    ),
    "an upward import of a part": (
        "engine/claim.py",
        "from django_jobs.execution import perform",
        "engine.claim:1: imports execution upward, from floor 2 to 4",
    ),
    "an upward import inside a function": (
        "models/job.py",
        "def f():\n    import django_jobs.worker",
        "models.job:2: imports worker upward, from floor 1 to 5",
    ),
    "a relative upward import": (
        "engine/claim.py",
        "from ..api import enqueue",
        "engine.claim:1: imports api upward, from floor 2 to 3",
    ),
    "a second reader of settings": (
        "worker.py",
        "from django.conf import settings",
        "worker: 1: reads django.conf; only conf may",
    ),
    "a disguised reader of settings": (
        "worker.py",
        "import django.conf as innocent",
        "worker: 1: reads django.conf; only conf may",
    ),
    "a circle": (
        "durations.py",
        "from django_jobs import backoff",
        "imports go round in a circle",
    ),
    "SQL in a service": (
        "services/pruner.py",
        "QUERY = 'SELECT id FROM django_jobs_job'",
        "services.pruner: 1: holds SQL",
    ),
    "a cursor in a worker": (
        "worker.py",
        "def f(connection):\n    connection.cursor()",
        "worker: 2: calls connection.cursor()",
    ),
    "a write of state in the admin": (
        "api.py",
        "def f(job):\n    job.state = 'ready'",
        "api: 2: writes job.state",
    ),
    "an update of state": (
        "receivers.py",
        "def f(jobs):\n    jobs.update(state='ready')",
        "receivers: 2: jobs.update(state=…)",
    ),
    "a state word in a worker": (
        "worker.py",
        "from django_jobs.states import State",
        "worker: 1: names states of jobs",
    ),
    "a long file": ("wake.py", "\n" * 301, "wake: has 3"),
    "a long function": (
        "wake.py",
        "def f():\n" + "    pass\n" * 41,
        "wake: 1: f() has 42 lines",
    ),
    "a new module": ("surprise.py", "", "surprise: is on no floor"),
    "a vague name": ("engine/utils.py", "", "engine.utils: 'utils' says nothing"),
}


@pytest.mark.parametrize(("path", "planted", "complaint"), PLANTS.values(), ids=PLANTS)
def test_the_checker_finds(path, planted, complaint, copy, known):
    file = copy / path
    source = file.read_text() if file.exists() else ""
    file.write_text(f"{planted}\n{source}")

    new = set(violations(copy)) - known

    assert [found for found in new if found.startswith(complaint)]


def test_the_checker_lets_type_checkers_see_what_they_like(copy, known):
    file = copy / "states.py"
    file.write_text(
        file.read_text()
        + "\nfrom typing import TYPE_CHECKING\n"
        + "if TYPE_CHECKING:\n    from django_jobs.worker import Worker\n"
    )

    assert set(violations(copy)) == known
