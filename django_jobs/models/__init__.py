"""The rows: Job, Queue, RateLevel, Schedule, Task, Worker."""

from django_jobs.models.job import Job
from django_jobs.models.queue import Queue
from django_jobs.models.rate import RateLevel
from django_jobs.models.schedule import Schedule
from django_jobs.models.task import Task
from django_jobs.models.worker import Worker

__all__ = ["Job", "Queue", "RateLevel", "Schedule", "Task", "Worker"]
