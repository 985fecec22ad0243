"""The admin: jobs, queues, schedules, tasks and workers; look at them, and steer them."""

from django_jobs.admin.job import JobAdmin
from django_jobs.admin.queue import QueueAdmin
from django_jobs.admin.schedule import ScheduleAdmin
from django_jobs.admin.task import TaskAdmin
from django_jobs.admin.worker import WorkerAdmin

__all__ = ["JobAdmin", "QueueAdmin", "ScheduleAdmin", "TaskAdmin", "WorkerAdmin"]
