"""Is a job's second run harmless, wherever its first one was killed?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from django.apps import apps
from django.db import connections, transaction
from django.db.models import AutoField, Field, Model
from django.db.models.fields import NOT_PROVIDED

from django_jobs import api
from django_jobs.engine import release
from django_jobs.engine.sql import write_alias
from django_jobs.models import Job
from django_jobs.outcomes import Claimed, Failed
from django_jobs.specs import JobSpec
from django_jobs.testing.autocommit import as_autocommit, is_of_block
from django_jobs.testing.running import Runner

#: Characters of a statement that an error shows.
SHOWN = 200

Snapshot = dict[str, Counter[str]]


class Crash(BaseException):
    """Stands for the end of the process: nothing that handles errors is meant to catch it."""


class _Undo(Exception):
    """Rolls back what was tried."""


def assert_idempotent(
    fn: Callable[..., Any] | JobSpec,
    *args: Any,
    models: Sequence[type[Model]] | None = None,
    using: str | None = None,
    **kwargs: Any,
) -> int:
    """Kill a job at each of its SQL statements, run it again, and compare the database with that
    after one clean run; return how many statements there are.

    Raise AssertionError naming the first statement after which it differs. All is rolled back.
    """
    spec = fn if isinstance(fn, JobSpec) else JobSpec.from_func(fn)
    spec = spec.calling(args, kwargs) if args or kwargs or not isinstance(fn, JobSpec) else spec
    trial = _Trial(spec, models, write_alias(using))
    clean, statements = trial.run(None)
    for place in range(len(statements) + 1):
        after, _ = trial.run(place)
        if after != clean:
            where = (
                f"before statement {place + 1} of {len(statements)}: {statements[place][:SHOWN]}"
                if place < len(statements)
                else "after its last statement, before its end was recorded"
            )
            raise AssertionError(
                f"{spec.func!r} is not idempotent. Killed {where}\nand run again, it leaves:\n"
                f"{_compared(clean, after)}"
            )
    return len(statements)


class _Trial:
    """Runs the job again and again from one state of the database."""

    def __init__(self, spec: JobSpec, models: Sequence[type[Model]] | None, using: str) -> None:
        self._spec, self._using = spec, using
        self._models = list(models) if models is not None else _all_models()

    def run(self, crash_at: int | None) -> tuple[Snapshot, list[str]]:
        """Return what one run leaves, after one that was killed there; and its statements."""
        statements: list[str] = []
        try:
            with transaction.atomic(using=self._using):
                row = api.enqueue(self._spec.with_queue(f"trial-{id(self)}"), using=self._using)
                with Runner([row.queue], self._using) as runner:
                    if crash_at is not None:
                        self._kill(runner, crash_at)
                    self._complete(runner, statements)
                left = self._snapshot(row.pk)
                raise _Undo
        except _Undo:
            return left, statements

    def _kill(self, runner: Runner, crash_at: int) -> None:
        def killed(job: Claimed, body: Callable[[], Any]) -> Any:
            count = 0

            def crash(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
                nonlocal count
                if not is_of_block(sql):
                    if count >= crash_at:
                        raise Crash
                    count += 1
                return execute(sql, params, many, context)

            with connections[self._using].execute_wrapper(crash):
                body()
            raise Crash

        (job,) = runner.claim(1)
        with as_autocommit(self._using):
            runner.run(job, killed)
        release([job], using=self._using)

    def _complete(self, runner: Runner, statements: list[str]) -> None:
        def noted(job: Claimed, body: Callable[[], Any]) -> Any:
            def note(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
                if not is_of_block(sql):
                    statements.append(str(sql))
                return execute(sql, params, many, context)

            with connections[self._using].execute_wrapper(note):
                return body()

        (job,) = runner.claim(1)
        finished = runner.carry_out(job, noted)
        if isinstance(finished.outcome, Failed):
            self._fault = finished.outcome.fault.message

    def _snapshot(self, own: int) -> Snapshot:
        left = {model._meta.label: _rows(model, self._using) for model in self._models}
        jobs = Job.objects.using(self._using).exclude(pk=own)
        left["Job"] = Counter(
            map(str, jobs.values_list("name", "args", "kwargs", "queue", "priority", "unique_key"))
        )
        state = Job.objects.using(self._using).only("state").get(pk=own).state
        left["The job"] = Counter([f"{state} {getattr(self, '_fault', '')}".strip()])
        self._fault = ""
        return left


def _all_models() -> list[type[Model]]:
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy and model._meta.app_label != "django_jobs"
    ]


def _rows(model: type[Model], using: str) -> Counter[str]:
    names = [field.attname for field in model._meta.concrete_fields if not _is_drawn(field)]
    return Counter(map(str, model._base_manager.using(using).values_list(*names)))


def _is_drawn(field: Field[Any, Any]) -> bool:
    """Return whether the value differs between any two runs: a number drawn, or a clock read."""
    if isinstance(field, AutoField) or getattr(field, "auto_now", False):
        return True
    by_clock = getattr(field, "db_default", NOT_PROVIDED) is not NOT_PROVIDED
    return getattr(field, "auto_now_add", False) or (
        by_clock and field.get_internal_type() == "DateTimeField"
    )


def _compared(clean: Snapshot, after: Snapshot) -> str:
    lines = []
    for label, rows in clean.items():
        lines += [f"  {label} lacks {row[:SHOWN]}" for row in rows - after[label]]
        lines += [f"  {label} has besides {row[:SHOWN]}" for row in after[label] - rows]
    return "\n".join(lines[:20])
