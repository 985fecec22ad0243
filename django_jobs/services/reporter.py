"""Writes down what running jobs tell of themselves."""

from __future__ import annotations

from django.db.utils import Error

from django_jobs import engine
from django_jobs.notebook import Notebook
from django_jobs.services.base import Service

#: Seconds between two looks into the notebook.
INTERVAL = 0.5


class Reporter(Service):
    """Writes progress and log lines of all of a worker's jobs by one statement."""

    def __init__(self, notebook: Notebook, using: str) -> None:
        super().__init__(INTERVAL, using)
        self._notebook = notebook

    def run_once(self) -> int:
        """Write what is in the notebook, and return of how many jobs."""
        if not self._notebook:
            return 0
        notes = self._notebook.take()
        try:
            engine.report(notes, using=self.using)
        except Error:
            self._notebook.put_back(notes)
            raise
        return len(notes)
