"""The admin: look at jobs, retry and cancel them; pause queues; make schedules; see workers."""

from django_jobs.admin.job import JobAdmin
from django_jobs.admin.queue import QueueAdmin
from django_jobs.admin.schedule import ScheduleAdmin
from django_jobs.admin.worker import WorkerAdmin

__all__ = ["JobAdmin", "QueueAdmin", "ScheduleAdmin", "WorkerAdmin"]
