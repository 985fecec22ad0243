"""The executors, by the names that jobs choose them by."""

from django_jobs.executors.asyncio import AsyncioExecutor
from django_jobs.executors.base import Executor
from django_jobs.executors.thread import ThreadExecutor

EXECUTORS: dict[str, type[Executor]] = {
    kind.capabilities.name: kind for kind in (ThreadExecutor, AsyncioExecutor)
}

__all__ = ["EXECUTORS", "AsyncioExecutor", "Executor", "ThreadExecutor"]
