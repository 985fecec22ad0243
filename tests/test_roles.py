"""Database roles with as few rights as can be: those that docs/security.md grants."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import Literal

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connections

from django_jobs import JobContext, cancel, chain, cron, engine, enqueue, enqueue_many, job, retry
from django_jobs.models import Job, Queue
from django_jobs.orders import WorkerOptions
from django_jobs.preconditions import refuse_what_cannot_work
from django_jobs.states import State
from django_jobs.worker.worker import Worker
from tests.pages import DOCS, blocks
from tests.rows import sql

pytestmark = pytest.mark.django_db(transaction=True)

ROLES = ("jobs_web", "jobs_worker", "jobs_reader")


@pytest.fixture
def roles():
    """Make the roles as the page says."""
    for block in blocks(DOCS / "security.md"):
        if block.language == "sql":
            sql(block.code)
    yield
    for role in ROLES:
        sql(f"DROP OWNED BY {role}; DROP ROLE {role}")


@contextmanager
def acting_as(role, monkeypatch):
    """Let all new connections have the rights of a role."""
    settings = connections["default"].settings_dict
    with monkeypatch.context() as patch:
        patch.setitem(settings, "OPTIONS", settings["OPTIONS"] | {"options": f"-c role={role}"})
        connections["default"].close()
        try:
            yield
        finally:
            connections["default"].close()


def run(*arguments):
    """Run a subcommand of jobs that may find nothing; a refusal by the database is an error."""
    with suppress(SystemExit):
        call_command("jobs", *map(str, arguments))


@job
def add(one: int, other: int) -> int:
    return one + other


@job(atomic=True, max_attempts=2, backoff=0)
def write() -> int:
    return Job.objects.count()


@job(write_all=["size"])
def paint(size: Literal[1, 2, 3]) -> None:
    """Be one of three."""


@job
def follow(context: JobContext) -> int:
    context.log("on")
    context.progress(1, 2)
    return enqueue(add.job.with_kwargs(one=1, other=2).with_unique_key("followed")).pk


@job(max_attempts=1)
def break_down() -> None:
    raise ValueError("no")


def test_who_enqueues_can_do_that_and_no_more(roles, monkeypatch):
    with acting_as("jobs_web", monkeypatch):
        first = enqueue(add.job.with_kwargs(one=1, other=2).with_unique_key("sum"))
        again = enqueue(add.job.with_kwargs(one=1, other=2).with_unique_key("sum"))
        enqueue_many(add.job.with_kwargs(one=n, other=n) for n in range(60))
        chain(add.job.with_kwargs(one=1, other=1), write.job).enqueue()
        elsewhere = enqueue(add.job.with_kwargs(one=1, other=1).with_queue("new"))

        with pytest.raises(ProgrammingError, match="permission denied"):
            Job.objects.cancel()
        with pytest.raises(ProgrammingError, match="permission denied"):
            Job.objects.all().delete()
        with pytest.raises(ProgrammingError, match="permission denied"):
            Queue.objects.update(weight=5)

    assert (first.created, again.created, again.pk) == (True, False, first.pk)
    assert (Job.objects.count(), elsewhere.queue) == (64, "new")


def test_a_queue_whose_row_may_not_be_made_has_jobs_all_the_same(roles, monkeypatch, caplog):
    sql("REVOKE INSERT ON django_jobs_queue FROM jobs_web")

    with acting_as("jobs_web", monkeypatch):
        row = enqueue(add.job.with_kwargs(one=1, other=2).with_queue("never heard of"))

    Worker(WorkerOptions(burst=True)).run()
    row.refresh_from_db()
    assert row.state == State.SUCCEEDED
    assert "queue.not_made queue=never heard of" in caplog.text


def test_a_worker_can_do_all_its_work(roles, monkeypatch, caplog, own_registry):
    cron("@daily", name="nightly", kwargs={"one": 1, "other": 1})(add)
    enqueue_many([write.job] + [add.job.with_kwargs(one=n, other=n) for n in range(3)])
    break_down.enqueue()
    chain(add.job.with_kwargs(one=1, other=1), write.job).enqueue()
    enqueue(paint.job.with_kwargs(size="ALL"))
    follow.enqueue()

    with acting_as("jobs_worker", monkeypatch):
        Worker(WorkerOptions(burst=True)).run()
        assert retry(Job.objects.failed()) == 1
        assert cancel(Job.objects.ready()) == 1
        engine.prune(using="default")
        run("sync")
        run("pause", "default")
        with pytest.raises(ProgrammingError, match="must be owner"):
            sql("ALTER TABLE django_jobs_job ADD COLUMN more int")

    states = [row.state for row in Job.objects.all()]
    assert (states.count(State.SUCCEEDED), states.count(State.FAILED)) == (12, 0)
    assert "permission denied" not in caplog.text


def test_a_worker_without_the_rights_is_refused_and_told_the_grants(roles, monkeypatch):
    # Given a user that may look, and nothing else
    with acting_as("jobs_reader", monkeypatch), pytest.raises(CommandError) as refused:
        refuse_what_cannot_work("default")
    # Then it is told what to grant
    told = str(refused.value).splitlines()
    assert "GRANT INSERT, UPDATE, DELETE ON django_jobs_job TO jobs_reader;" in told
    assert "GRANT USAGE ON SEQUENCE public.django_jobs_job_id_seq TO jobs_reader;" in told
    # And with just that, it may start
    sql("".join(told[1:]))
    with acting_as("jobs_reader", monkeypatch):
        refuse_what_cannot_work("default")


def test_the_rights_of_the_page_are_enough_to_start(roles, monkeypatch):
    with acting_as("jobs_worker", monkeypatch):
        refuse_what_cannot_work("default")


def test_a_reader_can_look_at_all_and_change_nothing(roles, monkeypatch):
    row = add.enqueue(one=1, other=2)

    with acting_as("jobs_reader", monkeypatch):
        for subcommand in ("list", "stats", "check", "failures", "schedules", "workflows"):
            run(subcommand)
        for subcommand in ("show", "explain"):
            run(subcommand, row.pk)
        with pytest.raises(ProgrammingError, match="permission denied"):
            add.enqueue(one=1, other=2)
        with pytest.raises(ProgrammingError, match="permission denied"):
            Job.objects.cancel()
