"""manage.py jobs explain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django_jobs import explanations
from django_jobs.models import Job
from django_jobs.terminal.base import OfOneJob, not_found


class Explain(OfOneJob):
    """Says why a job is where it is, and above all why it is not running."""

    name = "explain"
    help = "Say why a job is not running, or how it has ended."

    def run(self, given: Mapping[str, Any]) -> int:
        """Explain."""
        try:
            explanation = explanations.explain(given["id"], using=self.using)
        except Job.DoesNotExist as error:
            raise not_found(str(error)) from error
        self.output.say(str(explanation), explanation.as_dict())
        return 0
