"""JobMaster's page (seeds 004): each of its blocks in its Django form, SQL through psql."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from django_jobs import job, registry
from django_jobs.conf import options
from django_jobs.exceptions import InvalidArgument
from django_jobs.models import Job, Task
from testproject.ledger import cool_tasks, dependent, heavy_tasks, things1
from testproject.ledger.models import Effect
from tests.psql import find_psql, psql
from tests.sources.runs import ran, run

pytestmark = pytest.mark.django_db(transaction=True)
by_sql = pytest.mark.skipif(find_psql() is None, reason="there is no psql on this machine")


@pytest.fixture(autouse=True)
def catalogue(db):
    """Write the functions down for SQL, as `migrate` and workers do."""
    call_command("jobs", "sync", verbosity=0)


def effects():
    return sorted(Effect.objects.values_list("label", flat=True))


def definition(function):
    return registry.resolve(f"{function.__module__}.{function.__qualname__}")


def test_a_function_becomes_a_task_by_a_decorator(tmp_path):
    """Block 1: it stays callable; module and name are its keys, hints and docstring its form."""
    things1.foo(str(tmp_path / "sum"), 2)

    assert (tmp_path / "sum").read_text() == "2"
    task = Task.objects.get(type_key="things1", task_key="foo")
    assert task.help == "Write a number to a file."
    parameters = {one["name"]: one for one in task.parameters}
    assert parameters["file_path"]["help"] == "the file to write to"
    assert parameters["number"]["choices"] == [1, 2, 3]


@by_sql
def test_any_connection_adds_a_job_by_the_procedure(tmp_path):
    """Block 2: type key, task key, priority, arguments, in this order; psql knows no Python."""
    arguments = f'{{"file_path": "{tmp_path}/sum", "number": 2}}'

    answer = psql(f"CALL django_jobs_insert_job('things1', 'foo', 10, '{arguments}'::json)")

    row = Job.objects.get()
    assert (answer.sqlstate, row.priority) == ("", 10)
    assert ran(row).state == Job.State.SUCCEEDED
    assert (tmp_path / "sum").read_text() == "2"


def test_the_database_is_the_one_of_the_project(settings):
    """Blocks 3, 6 and 9: no engine, no object to make, no schema to name: DATABASES says it all."""
    assert settings.DATABASES["default"]["ENGINE"].endswith("postgresql")
    assert things1.foo.job.definition.name == "testproject.ledger.things1.foo"


def test_run_ends_when_the_queue_is_empty(tmp_path):
    """Block 4: pop and execute until nothing is left."""
    for number in (1, 2, 3):
        things1.foo.enqueue(str(tmp_path / str(number)), number)

    assert run().processed == 3
    assert run().processed == 0


def test_dependencies_are_run_first_and_in_their_order(tmp_path):
    """Block 5: baz needs foo with 10, and bar, which needs foo: nobody gives bar's number."""
    row = dependent.baz.enqueue(file_path=str(tmp_path / "sum"))

    assert ran(row).result == "20A"

    ends = dict(Job.objects.exclude(finished_at=None).values_list("name", "finished_at"))
    foo, bar, baz = (ends[f"testproject.ledger.dependent.{one}"] for one in ("foo", "bar", "baz"))
    assert sorted([baz, foo, bar], key=str) == [foo, bar, baz]
    assert Job.objects.count() == 3


def test_a_fresh_dependency_is_not_run_again(tmp_path):
    """Block 5: within its hours a run that has succeeded will do."""
    for _ in range(2):
        assert ran(dependent.baz.enqueue(file_path=str(tmp_path / "sum"))).result == "20A"

    assert Job.objects.filter(name=dependent.foo.job.func).count() == 1
    assert Job.objects.filter(name=dependent.baz.job.func).count() == 2


def test_process_limit_is_max_running_per_host():
    """Block 5: process_limit=3."""
    assert definition(dependent.baz).max_running_per_host == 3


@pytest.mark.parametrize("command", ["migrate"])
def test_deploying_is_migrating(command):
    """Blocks 7 and 8: the tables and functions are made, and made again without harm."""
    call_command(command, verbosity=0)

    assert Task.objects.filter(type_key="things1", is_current=True).exists()


def test_parameters_and_their_types_are_read_from_the_hints(own_registry):
    """Blocks 10 and 11: a and b are int; with defaults they are optional."""
    plain = job(name="my_tasks.foo")(plain_foo).job.definition
    optional = job(name="my_tasks.optional")(optional_foo).job.definition

    assert [(one.name, one.type, one.required) for one in plain.parameters] == [
        ("a", "int", True),
        ("b", "int", True),
    ]
    assert [one.required for one in optional.parameters] == [False, False]
    with pytest.raises(TypeError, match="missing a required argument: 'b'"):
        plain_foo.job.with_kwargs(a=1).prepare()  # type: ignore[attr-defined]


@by_sql
def test_no_other_values_are_taken_than_those_to_select_from(tmp_path):
    """Block 12: b: [1, 2, 3], refused in Python and in SQL."""
    with pytest.raises(InvalidArgument, match="number"):
        things1.foo.enqueue(str(tmp_path), 4)

    answer = psql(
        "CALL django_jobs_insert_job('things1', 'foo', 10, "
        """'{"file_path": "x", "number": 4}'::json)"""
    )
    assert answer.sqlstate
    assert "number" in answer.message
    assert not Job.objects.exists()


@by_sql
def test_all_makes_a_job_for_each_value_when_it_is_run():
    """Blocks 13 and 14: "ALL" for a parameter in write_all."""
    psql("""CALL django_jobs_insert_job('cool_tasks', 'foo', 10, '{"a": 1, "b": "ALL"}'::json)""")

    assert Job.objects.count() == 1
    run()
    assert effects() == ["foo 1 1", "foo 1 2", "foo 1 3"]
    assert set(Job.objects.exclude(parent=None).values_list("priority", flat=True)) == {10}


def test_a_type_key_of_its_own_replaces_the_module():
    """Block 15."""
    assert Task.objects.filter(type_key="cool_tasks", task_key="foo").exists()


@by_sql
def test_a_dependency_may_take_arguments_of_the_job_that_waits():
    """Block 16: bar with b=2 needs foo with a=1 and b=2."""
    psql(
        "CALL django_jobs_insert_job('cool_tasks', 'bar', 5, "
        """'{"a": 7, "b": 2, "c": "x"}'::json)"""
    )

    run()
    assert effects() == ["bar 7 2 x", "foo 1 2"]
    first = Job.objects.get(name=cool_tasks.foo.job.func)
    assert first.priority == 6


def test_the_units_of_a_system_are_given_or_found_in_the_environment(monkeypatch):
    """Block 17: its argument is a flag or a setting here; its variable has the same name."""
    monkeypatch.setenv("JOBMASTER_SYSTEM_PROCESS_UNITS", "1000")
    options.cache_clear()
    try:
        assert options().units == 1000
    finally:
        options.cache_clear()


def test_jobs_take_their_units_of_the_system():
    """Block 18: foo takes 10 and bar 20, and bar still waits for foo."""
    assert definition(heavy_tasks.foo).units == 10
    row = heavy_tasks.bar.enqueue(a=3, b=1, c="x")

    run(units=20)
    row.refresh_from_db()

    assert row.state == Job.State.SUCCEEDED
    assert effects() == ["heavy bar 3 1 x", "heavy foo 1 1"]


def plain_foo(a: int, b: int) -> None:
    """Do something."""


def optional_foo(a: int = 1, b: int = 2) -> None:
    """Do something."""
