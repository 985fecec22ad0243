"""Run Django's own tests of tasks, unchanged, against JobsBackend.

    DATABASE_URL=… python -m tests.conformance.run DIR

``DIR`` is ``tests`` of Django's source distribution. Prints one JSON object: what was run, what
passed, and what failed with which error.
"""

from __future__ import annotations

import json
import os
import sys
import unittest
from pathlib import Path
from typing import Any

#: What the tests name, and what stands there instead.
STAND_INS = {
    "django.tasks.backends.dummy.DummyBackend": "tests.conformance.backends.Recording",
    "django.tasks.backends.immediate.ImmediateBackend": "tests.conformance.backends.Running",
}


def main(folder: Path) -> int:
    """Run the tests and print what became of them; return 1 where any has failed."""
    sys.path.insert(0, str(folder))
    # Some of the tests call what reads, without await, inside of coroutines: the two backends that
    # they were written for read nothing.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.conformance.settings")
    import django

    django.setup()
    from django.test.runner import DiscoverRunner

    _substitute()
    runner = DiscoverRunner(verbosity=0, interactive=False, parallel=1)
    suite = runner.build_suite(["tasks"])
    told = Told()
    databases = runner.setup_databases(serialized_aliases=set(), aliases={"default"})
    try:
        suite.run(told)
    finally:
        _close_others()
        runner.teardown_databases(databases)
    print(json.dumps(told.summary()))
    return 0 if told.wasSuccessful() else 1


class Told(unittest.TestResult):
    """Keeps the names of tests beside what became of them."""

    def __init__(self) -> None:
        super().__init__()
        self.passed: list[str] = []

    def addSuccess(self, test: unittest.TestCase) -> None:
        super().addSuccess(test)
        self.passed.append(test.id())

    def summary(self) -> dict[str, Any]:
        """Return the names of the tests that were run, and the errors of those that failed."""
        failed: dict[str, str] = {}
        for test, error in (*self.errors, *self.failures):
            case = getattr(test, "test_case", test)  # of a subtest
            failed.setdefault(case.id(), error)
        return {
            "run": self.testsRun,
            "passed": [name for name in self.passed if name not in failed],
            "skipped": {test.id(): why for test, why in self.skipped},
            "failed": failed,
        }


def _substitute() -> None:
    """Let override_settings name our backend, and tests without a database have one."""
    from django.test import SimpleTestCase
    from django.test.utils import override_settings

    SimpleTestCase.databases = {"default"}
    original = override_settings.__init__

    def substituted(self: Any, **settings: Any) -> None:
        tasks = settings.get("TASKS")
        if tasks:
            settings["TASKS"] = {alias: _stand_in(entry) for alias, entry in tasks.items()}
        original(self, **settings)

    override_settings.__init__ = substituted  # type: ignore[method-assign]


def _stand_in(entry: dict[str, Any]) -> dict[str, Any]:
    return {**entry, "BACKEND": STAND_INS.get(entry["BACKEND"], entry["BACKEND"])}


def _close_others() -> None:
    """End what the threads of event loops have left open: the database is about to be dropped."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
