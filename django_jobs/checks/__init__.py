"""System checks: what can be known to be wrong before it hurts."""

from django_jobs.checks import databases, declarations, settings

__all__ = ["databases", "declarations", "settings"]
