"""The rows: Job, Link, Period, Queue, RateLevel, Schedule, Task, Worker, Workflow; its Steps."""

from django_jobs.models.job import Job
from django_jobs.models.link import Link
from django_jobs.models.period import Period
from django_jobs.models.queue import Queue
from django_jobs.models.rate import RateLevel
from django_jobs.models.schedule import Schedule
from django_jobs.models.task import Task
from django_jobs.models.worker import Worker
from django_jobs.models.workflow import Edge, Step, Workflow

__all__ = [
    "Edge",
    "Job",
    "Link",
    "Period",
    "Queue",
    "RateLevel",
    "Schedule",
    "Step",
    "Task",
    "Worker",
    "Workflow",
]
