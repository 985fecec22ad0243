"""The executors: one for each way to run a job."""

from django_jobs.executors.asyncio import AsyncioExecutor
from django_jobs.executors.base import Executor, Watcher
from django_jobs.executors.process import ProcessExecutor
from django_jobs.executors.thread import ThreadExecutor

__all__ = ["AsyncioExecutor", "Executor", "ProcessExecutor", "ThreadExecutor", "Watcher"]
