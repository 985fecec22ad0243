"""Django's own tasks, as third-party apps declare them. Import it where TASKS is ours."""

from __future__ import annotations

import enum
import os
from typing import TYPE_CHECKING, Literal

import django

if TYPE_CHECKING or django.VERSION >= (6, 0):
    from django.tasks import task
else:
    from django_tasks import task


class Colour(enum.Enum):
    """What a task may be annotated with: Django hands over what it was given."""

    RED = "red"


@task
def add(one, other):
    """Return a sum."""
    return one + other


@task
def echo(*args, **kwargs):
    return {"args": args, "kwargs": kwargs}


@task
async def add_later(one, other):
    return one + other


@task(takes_context=True)
def tell(context, word):
    context.job.progress(1, 2, word)
    result = context.task_result
    return [type(context).__name__, context.attempt, result.id, str(result.status), word]


@task(takes_context=True)
async def tell_later(context, word):
    return [context.attempt, context.task_result.id, word]


@task(backend="patient")
def always_fails(message):
    raise ValueError(message)


@task(backend="patient", takes_context=True)
def fails_first(context):
    if context.attempt == 1:
        raise LookupError("not yet")
    return [error.exception_class_path for error in context.task_result.errors]


@task
def painted(colour: Colour, size: Literal[1, 2] = 1):
    return [colour, size]


@task
def unfit():
    return object()


@task(backend="apart")
def own_process():
    return os.getpid()


@task(backend="elsewhere")
def of_another_backend():
    return "here"
