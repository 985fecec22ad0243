"""Django's own tests of its tasks, fetched with pip and run unchanged against our backend."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import django
import pytest

from tests.conformance.exceptions import EXCEPTIONS
from tests.pages import ROOT

pytestmark = pytest.mark.skipif(
    django.VERSION < (6, 0), reason="Django 5.2 has no tasks of its own"
)
#: Names a folder with Django's source distributions, where there is no index of packages.
SOURCES = "DJANGO_SOURCES"


@pytest.fixture(scope="module")
def folder_of_tests(request, tmp_path_factory) -> Path:
    """Return ``tests`` of the source distribution of the Django that is installed."""
    version = django.get_version()
    kept = Path(os.environ.get(SOURCES) or request.config.cache.mkdir("django-sources"))
    if not (found := list(kept.glob(f"[dD]jango-{version}.tar.gz"))):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--no-binary", ":all:", "--dest", str(kept), f"django=={version}"]
        fetched = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if not (found := list(kept.glob(f"[dD]jango-{version}.tar.gz"))):
            pytest.skip(f"pip cannot fetch the source of Django {version}: {fetched.stderr[-300:]}")
    unpacked = tmp_path_factory.mktemp("django")
    with tarfile.open(found[0]) as archive:
        archive.extractall(unpacked, filter="data")
    tests: list[Path] = list(unpacked.glob("*/tests"))
    return tests[0]


@pytest.mark.parametrize("settings", ["settings", "settings_plain"])
def test_djangos_own_tests_pass_but_for_those_of_the_limits_of_others(folder_of_tests, settings):
    # Given Django's tests, where the tasks are declared under our backend, or under Django's own
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": f"tests.conformance.{settings}"}
    # When they are run with our backend in the place of those in memory
    ran = subprocess.run(
        [sys.executable, "-m", "tests.conformance.run", str(folder_of_tests)],
        capture_output=True, text=True, timeout=300, check=False, cwd=ROOT, env=environment,
    )  # fmt: skip
    assert ran.stdout, ran.stderr
    told = json.loads(ran.stdout)
    # Then exactly those fail that assert a limit of these
    failed = {name.removeprefix("tasks."): error for name, error in told["failed"].items()}
    assert failed.keys() == EXCEPTIONS.keys(), "\n".join(
        error for name, error in failed.items() if name not in EXCEPTIONS
    )
    # And all others were run and have passed
    assert not told["skipped"]
    assert len(told["passed"]) == told["run"] - len(EXCEPTIONS)
    assert told["run"] >= 76
