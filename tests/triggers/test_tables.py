"""Tables that are not like others, and databases that are not ours."""

import pytest
from django.db import DatabaseError, connection, connections, models, router
from django.db.models import Q
from django.db.utils import ConnectionHandler
from django.test.utils import isolate_apps

from django_jobs import encoding
from django_jobs.triggers import JobTrigger
from testproject.depot.models import Parcel, Shelf
from tests.rows import sql

pytestmark = pytest.mark.django_db


def trigger(**how):
    return JobTrigger(
        **{"name": "odd", "job": "testproject.depot.jobs.weigh", "on": "insert", **how}
    )


def make(model, **how):
    with connection.schema_editor() as editor:
        editor.create_model(model)
        editor.add_constraint(model, trigger(**how))


@isolate_apps("testproject.depot")
def test_a_table_in_another_schema_with_names_that_need_quotes(made):
    class Odd(models.Model):
        total = models.IntegerField(db_column="The sum")

        class Meta:
            app_label = "depot"
            db_table = 'else"."Odd table'

    sql('CREATE SCHEMA "else"')
    make(Odd, on=["insert", "update"], when=Q(total__gt=1), kwargs={"parcel": "total"})

    sql('INSERT INTO "else"."Odd table" ("The sum") VALUES (1), (2)')
    sql('UPDATE "else"."Odd table" SET "The sum" = 3')

    assert [job.kwargs["parcel"] for job in made("odd")] == [2, 3, 3]
    assert made("odd")[0].meta["trigger"]["table"] == "Odd table"


@isolate_apps("testproject.depot")
def test_a_composite_key_is_a_tuple(made):
    class Pair(models.Model):
        pk = models.CompositePrimaryKey("left", "right")
        left = models.IntegerField()
        right = models.UUIDField()
        note = models.TextField()

        class Meta:
            app_label = "depot"

    make(Pair, on=["insert", "update"], update_of=["note"], unique_key="{pk}")
    key = (1, "00000000-0000-0000-0000-000000000001")

    sql("INSERT INTO depot_pair VALUES (%s, %s, 'a')", *key)
    sql("UPDATE django_jobs_job SET unique_key = NULL")
    sql("UPDATE depot_pair SET note = 'a'")
    sql("UPDATE depot_pair SET note = 'b'")

    inserted, updated = made("odd")
    (got,) = encoding.decode(f'[{{"$tuple": [1, {{"$uuid": "{key[1]}"}}]}}]')
    assert inserted.args == updated.args == [{"$tuple": [1, {"$uuid": key[1]}]}]
    assert (got[0], str(got[1])) == key
    assert updated.unique_key == f"1-{key[1]}"


@isolate_apps("testproject.depot")
def test_a_model_that_inherits_a_table_goes_by_its_own_key(made):
    class Crate(Parcel):
        wood = models.TextField(default="oak")

        class Meta:
            app_label = "depot"

    make(Crate, on=["insert", "update"], update_of=["wood"])

    crate = Crate.objects.create(label="x", wood="oak")
    Crate.objects.update(label="y")
    Crate.objects.update(wood="elm")

    assert [job.args for job in made("odd")] == [[crate.pk], [crate.pk]]


@isolate_apps("testproject.depot")
def test_a_partitioned_table_fires_for_what_is_written_to_it_as_a_whole(made):
    class Part(models.Model):
        class Meta:
            app_label = "depot"

    sql("CREATE TABLE depot_part (id bigint) PARTITION BY RANGE (id)")
    sql("CREATE TABLE depot_part_1 PARTITION OF depot_part FOR VALUES FROM (0) TO (10)")
    sql("CREATE TABLE depot_part_2 PARTITION OF depot_part FOR VALUES FROM (10) TO (20)")
    with connection.schema_editor() as editor:
        editor.add_constraint(Part, trigger(on=["insert", "update", "delete"]))

    sql("INSERT INTO depot_part VALUES (1), (11)")
    sql("UPDATE depot_part SET id = id + 1")
    sql("DELETE FROM depot_part WHERE id = 2")
    sql("INSERT INTO depot_part_1 VALUES (3)")

    assert [job.args for job in made("odd")] == [[1], [11], [2], [12], [2]]


@isolate_apps("testproject.depot")
def test_a_key_that_is_too_long_is_cut_and_stays_one_of_its_own(made):
    class Long(models.Model):
        text = models.TextField(null=True)  # noqa: DJ001 - null is one of the values

        class Meta:
            app_label = "depot"

    make(Long, unique_key="{text}")

    sql("INSERT INTO depot_long (text) VALUES (%s), (%s), (NULL)", "x" * 300 + "1", "x" * 300 + "2")

    one, two, null = sorted((job.unique_key for job in made("odd")), key=len, reverse=True)
    assert len(one) == len(two) == 255
    assert one != two
    assert null == "None"


@isolate_apps("testproject.depot")
def test_what_the_database_cannot_run_is_refused_by_the_migration():
    class Wrong(models.Model):
        text = models.TextField()

        class Meta:
            app_label = "depot"

    with connection.schema_editor() as editor:
        editor.create_model(Wrong)
    sql("ALTER TABLE depot_wrong DROP COLUMN text")

    with pytest.raises(DatabaseError, match="text"), connection.schema_editor() as editor:
        editor.add_constraint(Wrong, trigger(kwargs={"parcel": "text"}))


def test_a_database_of_another_kind_has_no_triggers():
    other = ConnectionHandler(
        {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
    )["default"]

    with other.schema_editor() as editor:
        editor.create_model(Shelf)
        editor.create_model(Parcel)
        later = editor.deferred_sql[:]
        made, dropped = (
            trigger().create_sql(Parcel, editor),
            trigger().remove_sql(Parcel, editor),
        )
    other.close()

    assert (made, dropped) == ("", "")
    assert later
    assert all(str(statement).startswith("CREATE INDEX") for statement in later)


def test_a_database_without_jobs_has_no_triggers(monkeypatch):
    class Elsewhere:
        def allow_migrate(self, db, app_label, **hints):
            return app_label != "django_jobs"

    monkeypatch.setattr(router, "routers", [Elsewhere()])

    with connection.schema_editor(collect_sql=True) as editor:
        assert trigger().create_sql(Parcel, editor) == ""


def test_a_project_without_time_zones_gets_naive_moments(monkeypatch, made):
    for name, value in {"timezone": None, "timezone_name": "Asia/Kathmandu"}.items():
        monkeypatch.setitem(connections["default"].__dict__, name, value)
    with connection.schema_editor() as editor:
        editor.add_constraint(Parcel, trigger(on="update", kwargs={"parcel": "due_at"}))
    sql("INSERT INTO depot_parcel (label, status, weight) VALUES ('x', 'y', 1)")

    sql("UPDATE depot_parcel SET due_at = '2026-01-01 00:00:00+00'")

    (job,) = made("odd")
    assert job.kwargs["parcel"] == {"$datetime": "2026-01-01T05:45:00"}
