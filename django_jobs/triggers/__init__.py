"""Database triggers that make jobs: of bulk operations, of raw SQL, of any program."""

from django_jobs.triggers.declaration import JobTrigger
from django_jobs.triggers.operations import CreateJobTrigger, DropJobTrigger

__all__ = ["CreateJobTrigger", "DropJobTrigger", "JobTrigger"]
