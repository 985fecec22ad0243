"""Runs coroutine functions on an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Collection, Sequence

from asgiref.sync import SyncToAsync, ThreadSensitiveContext, sync_to_async
from django.db import connections

from django_jobs.capabilities import EXECUTORS
from django_jobs.execution import aperform
from django_jobs.executors.base import Executor, Watcher
from django_jobs.judgement import Policy
from django_jobs.outcomes import Claimed


class AsyncioExecutor(Executor):
    """One loop, up to ``size`` tasks. Each job's ORM calls have a thread to themselves, as each
    request's have under ASGI: concurrent jobs share neither connections nor transactions.
    """

    capabilities = EXECUTORS["asyncio"]

    def __init__(
        self,
        size: int,
        policy: Policy,
        watcher: Watcher,
    ) -> None:
        super().__init__(size, policy, watcher)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: dict[asyncio.Task[None], Claimed] = {}
        self._unwanted: set[int] = set()
        self._is_stopping = False

    def submit(self, jobs: Sequence[Claimed]) -> None:
        """Run jobs, in this order, as tasks end; start the loop with the first of them."""
        self._waiting.extend(jobs)
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(
                target=self._run, args=(self._loop,), name="job-loop", daemon=True
            ).start()
        self._loop.call_soon_threadsafe(self._fill)

    def cancel(self, jobs: Collection[int]) -> None:
        """Cancel jobs that are not wanted any more, at their next await."""
        super().cancel(jobs)
        if self._loop is not None and not self._is_stopping:
            self._loop.call_soon_threadsafe(self._cancel, frozenset(jobs))

    def stop(self) -> None:
        """Cancel the running tasks, and run nothing more."""
        self.withdraw()
        if self._loop is not None and not self._is_stopping:
            self._is_stopping = True
            asyncio.run_coroutine_threadsafe(self._shut(), self._loop)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        loop.run_forever()
        loop.close()

    async def _shut(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        asyncio.get_running_loop().stop()

    def _fill(self) -> None:
        while len(self._tasks) < self.size:
            try:
                job = self._waiting.popleft()
            except IndexError:
                return
            loop = asyncio.get_running_loop()
            task = loop.create_task(self._work(job), context=contextvars.Context())
            self._tasks[task] = job
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        job = self._tasks.pop(task)
        if job.id in self._unwanted:
            self._unwanted.discard(job.id)
            if task.cancelled():
                self._abandon(job)
        self._fill()

    def _cancel(self, jobs: Collection[int]) -> None:
        for task, job in self._tasks.items():
            if job.id in jobs:
                self._unwanted.add(job.id)
                task.cancel()

    async def _work(self, job: Claimed) -> None:
        self._watcher.begun(job)
        async with ThreadSensitiveContext() as context:
            try:
                finished = await aperform(job, self._policy, self._watcher)
            finally:
                if context in SyncToAsync.context_to_thread_executor:
                    await sync_to_async(connections.close_all)()
        self._hand_over(finished)
