"""The rows: Job, Queue, Worker; Workflow, with its Steps."""

from django_jobs.models.job import Job
from django_jobs.models.queue import Queue
from django_jobs.models.worker import Worker
from django_jobs.models.workflow import Edge, Step, Workflow

__all__ = ["Edge", "Job", "Queue", "Step", "Worker", "Workflow"]
