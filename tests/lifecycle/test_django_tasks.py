"""Django's own tasks in real worker processes, which import them by themselves."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import django
import pytest

from tests import tasks_settings

pytestmark = pytest.mark.skipif(
    django.VERSION < (6, 0) and find_spec("django_tasks") is None,
    reason="neither Django's tasks nor the package django-tasks",
)


def test_runjobs_runs_the_tasks_of_a_project_with_nothing_else_installed(
    runjobs, settings, own_registry, monkeypatch
):
    # Given a project that names our backend, and tasks of every kind
    settings.TASKS, settings.DJANGO_JOBS = tasks_settings.TASKS, {"JOB_MODULES": ["tests"]}
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.tasks_settings")
    samples = import_module("tests.task_samples")
    results = [
        samples.add.enqueue(1, 2),
        samples.add_later.enqueue(2, 3),
        samples.tell_later.enqueue("word"),
        samples.own_process.enqueue(),
        samples.fails_first.enqueue(),
        samples.of_another_backend.using(backend="default").enqueue(),
    ]
    # When the one command of every project is run
    command = runjobs("--burst")
    assert command.ends() == 0, command.output
    # Then each has its result
    for result in results:
        result.refresh()
    assert [str(one.status) for one in results] == ["SUCCESSFUL"] * 6, command.output
    assert [one.return_value for one in results[:2]] == [3, 5]
    assert results[2].return_value == [1, results[2].id, "word"]
    assert results[4].return_value == ["builtins.LookupError"]
    assert results[5].return_value == "here"
    # And the one of its own process has run in one
    assert str(results[3].return_value) not in results[3].worker_ids[0]
