"""Django's own tasks, run by this queue: ``TASKS["default"]["BACKEND"]`` names JobsBackend.

Nothing here imports a model: ``@task`` asks for its backend before the apps are loaded.
"""

from django_jobs.backend.context import JobsTaskContext
from django_jobs.backend.jobs import JobsBackend
from django_jobs.backend.task import JobsTask

__all__ = ["JobsBackend", "JobsTask", "JobsTaskContext"]
