"""A small project in a folder of its own, with a database of its own, as its owner handles it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import psycopg

ROOT = Path(__file__).resolve().parents[2]

SETTINGS = """
import environ
DATABASES = {"default": environ.Env().db_url("DATABASE_URL")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = "x"
USE_TZ = True
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django_jobs", "billing"]
"""


class Project:
    """Its app is called billing, which is migrated before django_jobs: it comes first by name."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        (folder / "billing" / "migrations").mkdir(parents=True, exist_ok=True)
        (folder / "billing" / "__init__.py").touch()
        (folder / "billing" / "migrations" / "__init__.py").touch()
        (folder / "project.py").write_text(SETTINGS)

    def copy(self, folder: Path, url: str) -> Project:
        """Return the same project in another folder and another database."""
        shutil.copytree(self.folder, folder)
        return Project(folder, url)

    def write(self, name: str, text: str) -> None:
        """Write a file of the app."""
        (self.folder / "billing" / name).write_text(dedent(text))

    def manage(self, *words: str, answers: str = "", code: int = 0) -> str:
        """Run a command, which must leave with that code, and return what it says."""
        done = subprocess.run(
            [sys.executable, "-m", "django", *words],
            cwd=self.folder,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "project",
                "DATABASE_URL": self.url,
                "PYTHONPATH": f"{self.folder}{os.pathsep}{ROOT}",
                # Files of one second and one size would be taken for what was compiled before.
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            input=answers,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        """Run a statement as any program would."""
        with psycopg.connect(self.url, autocommit=True) as session:
            cursor = session.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def triggers(self) -> list[str]:
        """Return the names of the triggers that there are."""
        found = self.sql(
            "SELECT tgname FROM pg_trigger WHERE tgfoid = to_regprocedure('django_jobs_trigger()')"
            " ORDER BY 1"
        )
        return [str(name) for (name,) in found]

    def jobs(self) -> list[tuple[object, ...]]:
        """Return what jobs there are, and delete them."""
        return self.sql("DELETE FROM django_jobs_job RETURNING name, queue, args, kwargs")
