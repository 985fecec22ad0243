"""Which changes of files a reloading command sees."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import pytest
from django.utils.autoreload import autoreload_started

from django_jobs.supervisor import reloading
from django_jobs.supervisor.reloading import Watcher
from tests.threads import wait_until


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Return the file of an imported module."""
    path = tmp_path / "watched_by_a_test.py"
    path.write_text("")
    os.utime(path, (1, 1))
    monkeypatch.syspath_prepend(str(tmp_path))
    import_module("watched_by_a_test")
    yield path
    del sys.modules["watched_by_a_test"]


def changes(watcher):
    watcher.look()
    return watcher.changed()


def test_a_changed_module_is_seen_once(module):
    # Given an imported module that is as it was
    watcher = Watcher()
    assert changes(watcher) == []
    # When it is written
    os.utime(module, (2, 2))
    # Then that is seen, once
    assert changes(watcher) == [str(module.resolve())]
    assert changes(watcher) == []


def test_a_module_that_an_older_file_takes_the_place_of_has_changed(module):
    watcher = Watcher()
    os.utime(module, (0, 0))
    assert changes(watcher) == [str(module.resolve())]


def test_a_module_that_is_gone_for_a_moment_has_changed_when_it_is_back(module):
    # Given a module whose file goes away
    watcher = Watcher()
    module.unlink()
    assert changes(watcher) == []
    # When it is back with another text
    module.write_text("x = 1")
    assert changes(watcher) == [str(module.resolve())]


def test_a_file_that_nobody_has_imported_is_seen_in_an_app_of_the_project(tmp_path, monkeypatch):
    # Given an app with a file that only workers import
    monkeypatch.setattr(reloading, "_apps", lambda: [tmp_path])
    lazy = tmp_path / "sub" / "lazy.py"
    lazy.parent.mkdir()
    lazy.write_text("")
    os.utime(lazy, (1, 1))
    watcher = Watcher()
    # When that changes, and another one is made
    os.utime(lazy, (2, 2))
    new = tmp_path / "new.py"
    new.write_text("")
    os.utime(new, (2**31, 2**31))
    # Then both are seen
    assert changes(watcher) == sorted([str(lazy), str(new)])


def test_a_module_that_jobs_come_from_is_watched_whoever_imports_it(tmp_path, monkeypatch):
    # Given a package and a module outside the apps, imported by nobody
    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / "errands_of_a_test"
    package.mkdir()
    bare = tmp_path / "bare_errands_of_a_test"  # a package without a file of its own
    bare.mkdir()
    files = [
        package / "__init__.py",
        package / "deep.py",
        bare / "module.py",
        tmp_path / "errand_of_a_test.py",
    ]
    for path in files:
        path.write_text("")
        os.utime(path, (1, 1))
    modules = ["errands_of_a_test", "bare_errands_of_a_test", "errand_of_a_test"]
    watcher = Watcher([*modules, "there.is.no.such.module"])
    # When they change
    for path in files:
        os.utime(path, (2, 2))
    # Then all are seen
    assert changes(watcher) == sorted(str(path) for path in files)


def test_apps_that_are_installed_packages_are_not_searched():
    watched = {path.name for path in reloading._apps()}
    assert {"shop", "ledger"} <= watched
    assert "contenttypes" not in watched


def test_what_other_apps_want_to_be_watched_is_watched(tmp_path):
    # Given an app that asks for its own kind of file
    path = tmp_path / "letter.txt"
    path.write_text("Dear")
    os.utime(path, (1, 1))

    def ask(sender, **kwargs):
        sender.watch_dir(tmp_path, "*.txt")

    autoreload_started.connect(ask)
    try:
        watcher = Watcher()
    finally:
        autoreload_started.disconnect(ask)
    # When one changes
    os.utime(path, (2, 2))
    # Then it is seen
    assert changes(watcher) == [str(path)]


def test_a_started_watcher_looks_by_itself(module, monkeypatch):
    monkeypatch.setattr(Watcher, "SLEEP_TIME", 0.01)
    watcher = Watcher()
    watcher.start()
    os.utime(module, (2, 2))
    wait_until(lambda: watcher.changed() == [str(module.resolve())])
    watcher.stop()
