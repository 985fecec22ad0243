"""The admin: look at jobs and workflows, retry and cancel them; pause queues; see workers."""

from django_jobs.admin.job import JobAdmin
from django_jobs.admin.queue import QueueAdmin
from django_jobs.admin.worker import WorkerAdmin
from django_jobs.admin.workflow import WorkflowAdmin

__all__ = ["JobAdmin", "QueueAdmin", "WorkerAdmin", "WorkflowAdmin"]
