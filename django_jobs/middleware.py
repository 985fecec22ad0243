"""What a project puts around the run of every job: a list of callables, as around its requests."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any

from asgiref.sync import async_to_sync, iscoroutinefunction, sync_to_async
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed
from django.utils.module_loading import import_string

from django_jobs.context import JobContext
from django_jobs.exceptions import InvalidSettings

Run = Callable[[JobContext], Any]


@lru_cache(maxsize=16)
def around(paths: tuple[str, ...], is_coroutine: bool) -> Run:
    """Return the chain of middleware, outermost first, that ends in the body of the run's context.

    As Django's own: each is a factory that is called once, with what comes next, and returns a
    callable that takes the context. A factory says by ``sync_capable`` and ``async_capable`` (see
    ``django.utils.decorators``) what it can wrap; where it cannot, threads make up for it. Raise
    InvalidSettings for a path that cannot be imported.
    """
    run: Run = _abody if is_coroutine else _body
    for path in reversed(paths):
        # A factory that is not used leaves out itself, as among the middleware of requests.
        with suppress(MiddlewareNotUsed):
            run = _adapted(load(path), run, path)
    if is_coroutine and not iscoroutinefunction(run):
        return sync_to_async(run, thread_sensitive=True)
    return async_to_sync(run) if not is_coroutine and iscoroutinefunction(run) else run


def load(path: str) -> Callable[[Run], Run]:
    """Return the factory at an import path, or raise InvalidSettings."""
    try:
        factory = import_string(path)
    except ImportError as error:
        raise InvalidSettings(f"DJANGO_JOBS: MIDDLEWARE: {path!r}: {error}.") from error
    if not callable(factory):
        raise InvalidSettings(f"DJANGO_JOBS: MIDDLEWARE: {path!r} is not callable.")
    made: Callable[[Run], Run] = factory
    return made


def _body(context: JobContext) -> Any:
    return context._body()


async def _abody(context: JobContext) -> Any:
    return await context._body()


def _adapted(factory: Callable[[Run], Run], run: Run, path: str) -> Run:
    takes_sync = getattr(factory, "sync_capable", True)
    takes_async = getattr(factory, "async_capable", False)
    if not takes_sync and not takes_async:
        raise ImproperlyConfigured(f"{path} must be sync_capable or async_capable, or both.")
    if iscoroutinefunction(run) and not takes_async:
        run = async_to_sync(run)
    elif not iscoroutinefunction(run) and not takes_sync:
        run = sync_to_async(run, thread_sensitive=True)
    return factory(run)
