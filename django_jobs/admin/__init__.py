"""The admin: look at jobs, enqueue, retry and cancel them; pause queues; see workers and tasks."""

from django_jobs.admin.job import JobAdmin
from django_jobs.admin.queue import QueueAdmin
from django_jobs.admin.task import TaskAdmin
from django_jobs.admin.worker import WorkerAdmin

__all__ = ["JobAdmin", "QueueAdmin", "TaskAdmin", "WorkerAdmin"]
