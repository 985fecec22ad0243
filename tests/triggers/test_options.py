"""What a trigger says of its jobs beside their arguments: their keys, and when they are due."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.db.models import Value

from django_jobs import engine, job, registry
from django_jobs.limits import Allowance
from django_jobs.triggers import JobTrigger
from testproject.depot.models import Parcel
from tests.rows import row_of, sql

pytestmark = pytest.mark.django_db


def declare(**how):
    with connection.schema_editor() as editor:
        editor.add_constraint(
            Parcel,
            JobTrigger(
                **{"name": "own", "job": "testproject.depot.jobs.weigh", "on": "insert", **how}
            ),
        )


def lift(parcel):
    """Be enqueued by a trigger, as each test declares it."""


def test_a_constant_key_makes_one_job_of_all_statements(made):
    declare(for_each="statement", unique_key="books", kwargs={"parcel": "count"})

    Parcel.objects.create(label="x")
    Parcel.objects.create(label="y")

    assert [one.unique_key for one in made("own")] == ["books"]


def test_the_key_that_the_function_declares_is_taken(made, own_registry):
    declare(job=job(unique_key="it's \\ one")(lift))

    Parcel.objects.create(label="x")
    Parcel.objects.create(label="y")

    assert [one.unique_key for one in made("own")] == ["it's \\ one"]


def test_text_may_stand_on_both_sides_of_a_field(made):
    declare(unique_key="<{label}>")

    Parcel.objects.create(label="x")

    assert [one.unique_key for one in made("own")] == ["<x>"]


def test_a_row_that_is_new_was_nothing_before_in_a_key(made):
    declare(on=["insert", "update"], unique_key="{old.status}-{new.status}")

    row = Parcel.objects.create(label="x", status="packed")
    Parcel.objects.filter(pk=row.pk).update(status="sent")

    assert [one.unique_key for one in made("own")] == ["None-packed", "packed-sent"]


def test_a_job_is_due_at_once_where_the_row_that_says_when_was_not_there(made):
    declare(on=["insert", "update"], scheduled_at="old.due_at")
    moment = datetime(2100, 1, 1, tzinfo=UTC)

    row = Parcel.objects.create(label="x", due_at=moment)
    Parcel.objects.filter(pk=row.pk).update(due_at=None)

    inserted, updated = made("own")
    assert (inserted.state, updated.state) == ("ready", "scheduled")
    assert inserted.scheduled_at < updated.scheduled_at == moment


def test_a_concurrency_key_that_a_function_makes_is_there_once_the_job_is_claimed(
    made, worker, own_registry
):
    keyed = job(concurrency_key=lambda parcel: f"parcel-{parcel}", max_running_per_key=1)(lift)
    declare(job=keyed)
    row = Parcel.objects.create(label="x")

    (before,) = made("own")
    engine.claim(
        worker, (), 9, starting=True,
        allowance=Allowance(registry.limits(), "here"), using="default",
    )  # fmt: skip

    assert before.concurrency_key == ""
    assert row_of(before)["concurrency_key"] == f"parcel-{row.pk}"


@pytest.mark.parametrize("is_standard", ["on", "off"])
def test_a_constant_is_what_it_was_whatever_backslashes_mean(made, is_standard):
    sql(f"SET LOCAL standard_conforming_strings = {is_standard}")
    declare(kwargs={"parcel": Value("C:\\new\\'t\\\\")})

    Parcel.objects.create(label="x")

    assert [one.kwargs for one in made("own")] == [{"parcel": "C:\\new\\'t\\\\"}]
