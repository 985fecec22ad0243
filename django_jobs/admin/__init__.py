"""The admin: jobs, queues, schedules, tasks, workers and workflows; look at them, steer them."""

from django_jobs.admin.job import JobAdmin
from django_jobs.admin.queue import QueueAdmin
from django_jobs.admin.schedule import ScheduleAdmin
from django_jobs.admin.task import TaskAdmin
from django_jobs.admin.worker import WorkerAdmin
from django_jobs.admin.workflow import WorkflowAdmin

__all__ = ["JobAdmin", "QueueAdmin", "ScheduleAdmin", "TaskAdmin", "WorkerAdmin", "WorkflowAdmin"]
