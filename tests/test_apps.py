"""What the app does when a project starts, and after its tables were migrated."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.core.management.sql import emit_post_migrate_signal
from django.db import connections, router
from django.db.migrations.loader import MigrationLoader

from django_jobs import cron, scheduling
from django_jobs.models import Schedule, Task
from testproject.settings import HAS_TASKS
from tests.pages import ROOT
from tests.samples import anything

OURS = {"BACKEND": "django_jobs.backend.JobsBackend"}
ANOTHER = {"BACKEND": "django.tasks.backends.dummy.DummyBackend"}
BROKEN = {"BACKEND": "no.such.module.Backend"}


@pytest.mark.skipif(not HAS_TASKS, reason="neither Django's tasks nor the package django-tasks")
@pytest.mark.parametrize(
    ("backends", "are_imported"),
    [
        ({"broken": BROKEN, "default": OURS}, True),
        ({"broken": BROKEN, "default": ANOTHER}, False),
    ],
    ids=["beside a broken backend", "where no backend is ours"],
)
def test_tasks_of_apps_are_imported_where_they_are_ours_to_run(tmp_path, backends, are_imported):
    # Given an app with tasks, and a project with these backends
    app = tmp_path / "errands"
    app.mkdir()
    (app / "__init__.py").write_text("")
    (app / "tasks.py").write_text("print('imported')\n")
    (tmp_path / "errand_settings.py").write_text(
        "from testproject.settings import *\n"
        f"INSTALLED_APPS = [*INSTALLED_APPS, 'errands']\nTASKS = {backends!r}\n"
    )
    # When it starts
    started = subprocess.run(
        [sys.executable, "-c", "import django; django.setup()"],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "errand_settings",
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # Then it comes up
    assert (started.returncode, started.stderr) == (0, "")
    assert ("imported" in started.stdout) == are_imported


@pytest.mark.django_db
class TestAfterMigrating:
    @pytest.fixture(autouse=True)
    def one_schedule(self, own_registry):
        """Let there be one schedule, and nothing written down."""
        scheduling._declarations.clear()
        cron("@daily", name="report")(anything)
        Task.objects.all().delete()
        Schedule.objects.all().delete()

    def written(self, **sent):
        """Send what migrate sends, and return whether tasks and schedules were written down."""
        emit_post_migrate_signal(verbosity=0, interactive=False, db="default", **sent)
        return Task.objects.exists(), Schedule.objects.exists()

    def test_tasks_and_schedules_are_written_down(self):
        assert self.written() == (True, True)

    def test_where_their_tables_are_gone_again_they_are_not(self):
        state = MigrationLoader(connections["default"]).project_state(("django_jobs", "0002_links"))

        assert self.written(apps=state.apps) == (False, False)

    def test_tasks_are_not_where_their_table_is_another_one(self):
        state = MigrationLoader(connections["default"]).project_state()
        state.remove_field("django_jobs", "task", "is_current")

        assert self.written(apps=state.apps) == (False, True)

    def test_in_a_database_of_another_kind_there_are_none(self, monkeypatch):
        monkeypatch.setattr(connections["default"], "vendor", "sqlite")

        assert self.written() == (False, False)

    def test_in_a_database_without_our_tables_there_are_no_tasks(self, monkeypatch):
        class Elsewhere:
            def allow_migrate(self, db, app_label, **hints):
                return app_label != "django_jobs"

        monkeypatch.setattr(router, "routers", [Elsewhere()])

        assert self.written()[0] is False
