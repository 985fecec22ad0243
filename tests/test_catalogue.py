"""The catalogue of job functions in the database: who writes what, and who does not."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_jobs import catalogue, engine, job, registry
from django_jobs.declarations import declaration
from django_jobs.models import Job, Task, Worker
from django_jobs.orders import WorkerOptions
from django_jobs.worker.worker import Worker as RunningWorker
from testproject.ledger.paint import order, paint
from tests.rows import make_jobs, sql
from tests.samples import as_if_at_the_top
from tests.threads import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_registry")]

NAME = "tests.test_catalogue.function"


def declare(**options):
    """Declare the function of these tests, as one version of the code does."""

    @as_if_at_the_top
    def function(a: int = 1) -> None: ...

    return job(**options)(function)


def withdraw():
    """Be code that does not declare it."""
    del registry._definitions[NAME]


def sync(*, authoritative=False):
    return catalogue.sync(using="default", authoritative=authoritative)


def priority():
    """Return what the catalogue holds, None where the function is not current."""
    return (
        Task.objects.filter(name=NAME, is_current=True).values_list("priority", flat=True).first()
    )


class TestSync:
    def test_it_writes_what_is_declared(self):
        Task.objects.all().delete()

        synced = sync()

        assert synced.stored == Task.objects.count() == len(catalogue.registered())
        told = declaration(order.job.definition)
        task = Task.objects.filter(name=order.job.func).values(*told).get()
        assert task == {**told, "timeout": timedelta(seconds=30)}

    def test_it_asks_one_question_where_nothing_has_changed(self):
        sync(authoritative=True)
        for authoritative in (False, True):
            with CaptureQueriesContext(connection) as queries:
                assert sync(authoritative=authoritative) == (0, 0)
            assert len(queries) == 1

    def test_it_writes_what_has_changed_and_nothing_else(self):
        declare()
        sync()
        before = dict(Task.objects.values_list("name", "synced_at"))
        declare(priority=3)

        assert sync().stored == 1

        after = dict(Task.objects.values_list("name", "synced_at"))
        assert [name for name in after if after[name] != before[name]] == [NAME]
        assert priority() == 3

    def test_plain_functions_that_were_enqueued_once_are_not_in_it(self):
        registry.resolve("testproject.ledger.paint._leave")
        sync()
        assert not Task.objects.filter(name__endswith="_leave").exists()


class TestDeploys:
    def test_a_worker_withdraws_nothing(self):
        declare()
        sync()
        withdraw()

        assert sync() == (0, 0)
        assert priority() == 0

    def test_a_migration_withdraws_what_the_code_declares_no_more(self):
        declare()
        sync()
        withdraw()

        assert sync(authoritative=True).withdrawn == 1
        assert priority() is None
        assert sync(authoritative=True).withdrawn == 0

    def test_an_old_worker_does_not_bring_back_what_new_code_has_replaced(self):
        # Given a deploy
        declare(priority=1)
        sync(authoritative=True)
        declare(priority=2)
        sync(authoritative=True)
        # When a worker of the old code starts
        declare(priority=1)
        synced = sync()
        # Then the new declaration stays
        assert (synced.stored, priority()) == (0, 2)

    def test_nor_what_it_has_withdrawn(self):
        declare()
        sync(authoritative=True)
        withdraw()
        sync(authoritative=True)

        declare()

        assert sync().stored == 0
        assert priority() is None

    def test_a_worker_that_is_there_first_brings_new_code(self):
        declare(priority=1)
        sync()
        declare(priority=2)

        assert (sync().stored, priority()) == (1, 2)

    def test_going_back_to_the_old_code_is_a_deploy_too(self):
        for number in (1, 2):
            declare(priority=number)
            sync()
        declare(priority=1)

        assert (sync(authoritative=True).stored, priority()) == (1, 1)
        # And now the other one is old
        declare(priority=2)
        assert (sync().stored, priority()) == (0, 1)

    def test_only_so_many_old_declarations_are_remembered(self):
        for number in range(30):
            declare(priority=number)
            sync()

        assert len(Task.objects.get(name=NAME).superseded) == 20

    def test_what_is_in_a_module_that_nobody_has_imported_yet_stays(self):
        # Given a function that a worker had imported
        del registry._definitions[paint.job.definition.name]
        # When a process migrates that had not
        synced = sync(authoritative=True)
        # Then it looks for it, and finds it
        assert synced.withdrawn == 0
        assert Task.objects.get(name=paint.job.func).is_current


def test_a_worker_writes_what_it_knows_when_it_starts(transactional_db):
    Task.objects.all().delete()

    RunningWorker(WorkerOptions(burst=True)).run()

    assert Task.objects.filter(name=paint.job.func).exists()


def test_a_worker_starts_where_the_catalogue_cannot_be_written(transactional_db, caplog):
    sql("ALTER TABLE django_jobs_task RENAME TO gone")
    try:
        RunningWorker(WorkerOptions(burst=True)).run()
    finally:
        sql("ALTER TABLE gone RENAME TO django_jobs_task")

    assert "tasks.not_synced database=default" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_several_processes_that_know_the_same_write_it_once():
    Task.objects.all().delete()

    found = at_once(*[sync] * 6)

    assert sum(one.stored for one in found) == Task.objects.count() == len(catalogue.registered())


@pytest.mark.django_db(transaction=True)
def test_several_workers_may_start_at_once_with_old_and_new_code():
    # Given an empty catalogue, and functions of which each process knows another version
    Task.objects.all().delete()
    names = [f"shop.jobs.job_{n}" for n in range(30)]

    def start(version):
        def write():
            rows = [{**declaration(paint.job.definition), "name": name} for name in names]
            rows = [{**row, "priority": version, "hash": f"{version}"} for row in rows]
            for order_of in (rows, rows[::-1]):
                engine.store_tasks(
                    order_of, withdrawn=names[version::8], authoritative=version % 2 == 0,
                    using="default",
                )  # fmt: skip

        return write

    # When they all write at once
    at_once(*(start(version) for version in range(6)))
    # Then each function is there once, whole: as one of them declares it
    found = list(Task.objects.values_list("name", "priority", "hash"))
    assert sorted(name for name, _, _ in found) == sorted(names)
    assert all(str(number) == hash_ for _, number, hash_ in found)


class TestKeys:
    def test_two_functions_with_one_pair_are_told_at_a_deploy(self):
        declare()
        job(name="another")(as_if_at_the_top(_named("function")))

        assert _found(include_deployment_checks=False) == []
        (told,) = _found(include_deployment_checks=True)

        assert "(test_catalogue, function) belong to 2 job functions" in told.msg
        assert NAME in told.msg
        assert "another" in told.msg
        assert "@job(type_key=…)" in told.hint

    def test_and_at_any_time_where_somebody_uses_these_keys(self):
        declare(type_key="cool")
        job(name="another", type_key="cool")(as_if_at_the_top(_named("function")))

        (told,) = _found(include_deployment_checks=False)

        assert "(cool, function)" in told.msg

    def test_other_names_and_other_types_are_nobodys_clash(self):
        declare()
        job(name="another", type_key="cool")(as_if_at_the_top(_named("function")))

        assert _found(include_deployment_checks=True) == []

    def test_a_write_all_that_never_came_to_mean_anything_is_an_error(self):
        function = as_if_at_the_top(_named("function"))
        function.__annotations__["a"] = "Unheard"
        job(write_all=["a"])(function)

        (told,) = [one for one in run_checks() if one.id == "django_jobs.E005"]

        assert "write_all needs 'a'" in told.msg


def _named(name):
    def function(a: int = 1) -> None: ...

    function.__name__ = name
    return function


def _found(**how):
    return [one for one in run_checks(**how) if one.id == "django_jobs.W002"]


class TestCommands:
    def test_sync_says_what_it_did(self, capsys):
        sync(authoritative=True)
        declare()

        call_command("jobs", "sync")

        assert capsys.readouterr().out.startswith("1 tasks were written, 0 withdrawn.")

    def test_sync_tells_what_sql_cannot_call(self, capsys):
        declare()
        job(name="another")(as_if_at_the_top(_named("function")))

        call_command("jobs", "sync")

        assert f"SQL cannot call (test_catalogue, function): it is another, {NAME}" in (
            capsys.readouterr().out
        )

        # Programs get the data alone
        call_command("jobs", "sync", "--format", "json")

        assert "stored" in json.loads(capsys.readouterr().out)

    def test_reset_deletes_all_jobs_and_writes_the_catalogue_anew(self, capsys):
        for state in Job.State.values:
            make_jobs(2, state=state)
        Task.objects.all().delete()

        call_command("jobs", "reset", "--noinput", "--format", "json")

        assert json.loads(capsys.readouterr().out) == {"deleted": 14}
        assert not Job.objects.exists()
        assert Task.objects.exists()

    def test_reset_asks_first(self):
        make_jobs(2)
        with pytest.raises(CommandError, match="This would delete 2 jobs: add --yes"):
            call_command("jobs", "reset")
        assert Job.objects.count() == 2

    def test_reset_refuses_while_workers_are_alive_unless_it_is_forced(self, capsys):
        Worker.objects.create(hostname="web1", pid=1)
        make_jobs(2)
        with pytest.raises(
            CommandError, match=r"1 worker .*alive: stop them first, or add --force"
        ):
            call_command("jobs", "reset", "--noinput")
        assert Job.objects.count() == 2

        call_command("jobs", "reset", "--noinput", "--force")

        assert not Job.objects.exists()
