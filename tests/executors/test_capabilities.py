"""What an executor cannot do is refused when a job is declared, and not ignored."""

from __future__ import annotations

import pytest

from django_jobs import job
from django_jobs.capabilities import EXECUTORS
from django_jobs.exceptions import UnsupportedOption
from django_jobs.executors import AsyncioExecutor, ProcessExecutor, ThreadExecutor

pytestmark = pytest.mark.usefixtures("own_registry")

KINDS = list(EXECUTORS.values())
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def function() -> None:
    """Be a function."""


async def coroutine() -> None:
    """Be a coroutine function."""


def declare(kind, **options):
    """Declare what the executor can run, a function if it can, with these options."""
    job(executor=kind.name, **options)(function if kind.functions else coroutine)


def test_every_executor_has_its_class():
    classes = (AsyncioExecutor, ProcessExecutor, ThreadExecutor)

    assert {one.capabilities.name for one in classes} == set(EXECUTORS)


@every_kind
@pytest.mark.parametrize("body", [function, coroutine], ids=["function", "coroutine"])
def test_a_body_that_it_cannot_run_is_refused(kind, body):
    runs = kind.functions if body is function else kind.coroutines

    if runs:
        job(executor=kind.name)(body)
    else:
        with pytest.raises(UnsupportedOption, match="leave executor out"):
            job(executor=kind.name)(body)


@every_kind
def test_a_memory_limit_that_it_cannot_enforce_is_refused(kind):
    if kind.memory_limit:
        declare(kind, memory_limit=10**9)
    else:
        with pytest.raises(UnsupportedOption, match="executor='process'"):
            declare(kind, memory_limit=10**9)


@every_kind
def test_a_transaction_that_it_cannot_hold_is_refused(kind):
    if kind.atomic:
        declare(kind, atomic=True)
    else:
        with pytest.raises(UnsupportedOption, match="cannot be atomic"):
            declare(kind, atomic=True)


def test_a_coroutine_function_is_never_atomic():
    with pytest.raises(UnsupportedOption, match="Write it with def"):
        job(executor="process", atomic=True)(coroutine)
