"""The suite on every Python, Django and PostgreSQL that we promise: ./scripts/matrix runs this.

What a machine lacks is skipped, and the reason says what. Each session has a server of its own,
whatever DATABASE_URL says, and an environment that ./scripts/setup made and keeps.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "scripts"))

from versions import (  # noqa: E402
    POSTGRES,
    Combination,
    combinations,
    find_python,
    find_server,
    lowest_combination,
    lowest_requirements,
)

nox.needs_version = ">=2026.4"
nox.options.default_venv_backend = "none"

#: By name: nox reports what a session was given as JSON.
COMBINATIONS = {str(one): one for one in combinations()}
QUICK = ["-m", "not slow and not volume"]
#: What Python and Django have a say in. Plans are the server's matter; signals, probes and
#: processes are nobody's but the system's.
ON_A_DJANGO = """
    --ignore-glob tests/test_*_plans.py tests/test_*.py tests/supervisor
    tests/terminal tests/triggers tests/worker
    tests/engine/test_{block,claim,enqueue,finish,keys,retry,steps}.py testproject/shop/tests.py
    tests/lifecycle/test_{django_tasks,kill_nine,units}.py
"""
#: What talks to the server. How processes are started and stopped is no matter of its version.
ON_A_SERVER = """
    tests/engine tests/triggers tests/terminal tests/worker
    tests/test_{admin,api,dashboard,dependencies,history}*.py
    tests/test_{limits,models,notifications,obstacles,procedures,query}*.py
    tests/test_{rates,schedule,surroundings,w}*.py
    tests/lifecycle/test_{cancel_running,kill_nine,killed_processes,lost_connection,units}.py
"""
#: Django's own tasks, and Django's own tests of these.
TASKS = "tests/test_conformance.py tests/test_tasks_backend.py tests/lifecycle/test_django_tasks.py"


@nox.session
@nox.parametrize("name", list(COMBINATIONS), ids=list(COMBINATIONS))
def tests(session: nox.Session, name: str) -> None:
    """Run what other versions may change; all with --full, Django's tasks alone with --tasks."""
    combination = COMBINATIONS[name]
    run(session, combination, [f"Django~={combination.django}.0"])


@nox.session
def lowest(session: nox.Session) -> None:
    """Run on the oldest of everything that pyproject.toml lets in."""
    run(session, lowest_combination(), lowest_requirements(), name="lowest")


def run(
    session: nox.Session, combination: Combination, requirements: list[str], name: str = ""
) -> None:
    """Run tests in an environment with these requirements, on a server of this version."""
    python = find_python(combination.python)
    if python is None:
        session.skip(f"no Python {combination.python} in PATH or in ~/.pyenv/versions")
    bindir = find_server(combination.postgres)
    if bindir is None:
        session.skip(f"no PostgreSQL {combination.postgres} installed or in the wheel")

    environment = ROOT / f".venv-{name or f'{combination.python}-django-{combination.django}'}"
    session.run(
        "./scripts/setup",
        env={
            "PYTHON": python,
            "VENV": str(environment),
            "INSTALL_GROUP": "test",
            "INSTALL_EXTRA": " ".join(requirements),
        },
    )
    program = str(environment / "bin/python")
    words, paths = chosen(session.posargs, combination)
    server = ["scripts/with_postgres.py", "--no-fsync", "--pg-bindir", str(bindir), "--"]
    report = ROOT / "build/matrix" / f"{name or combination.slug}.xml"
    pytest = [program, "-m", "pytest", "-n", "4", "--dist", "worksteal", f"--junit-xml={report}"]
    session.run(
        # The shell finds the files that the patterns name.
        "bash", "-c", f'exec "$0" "$@" {" ".join(paths.split())}',
        program, *server, *pytest, *words,
        env={"DATABASE_URL": None},
    )  # fmt: skip


def chosen(given: list[str], combination: Combination) -> tuple[list[str], str]:
    """Return the words for pytest and the patterns of files, by the words that were given."""
    words = [word for word in given if word not in ("--full", "--tasks")]
    if any((ROOT / word.partition("::")[0]).exists() for word in words):
        return words, ""
    if "--full" in given:
        return words, ""
    if "--tasks" in given:
        return words, TASKS
    if combination.postgres == POSTGRES[-1]:
        return [*QUICK, *words], ON_A_DJANGO
    return [*QUICK, *words], ON_A_SERVER
