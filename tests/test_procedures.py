"""What is called from SQL, through psql, with no Python about."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import timedelta
from urllib.parse import quote

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from django_jobs import catalogue, job, pause_queue, procedures, registry
from django_jobs.exceptions import InvalidArgument
from django_jobs.models import Job, Queue, Task
from django_jobs.orders import WorkerOptions
from django_jobs.worker.worker import Worker
from testproject.ledger.models import Effect
from testproject.ledger.paint import count_cans, order, paint
from tests.databases import url_of_test_database
from tests.pages import DOCS, ROOT, Session, blocks, names, table
from tests.psql import find_psql, psql
from tests.rows import sql
from tests.samples import as_if_at_the_top
from tests.threads import at_once

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(find_psql() is None, reason="there is no psql on this machine"),
]

PAINT = paint.job.definition.name
ORDER = order.job.definition.name


def enqueued(arguments="", name=PAINT):
    return psql(f"SELECT django_jobs_enqueue('{name}'{arguments})")


class TestProcedure:
    def test_it_takes_the_four_arguments_in_the_documented_order(self):
        answer = psql(
            """CALL django_jobs_insert_job('paint', 'paint', 10,
               '{"label": "/tmp/wall", "colour": "red", "size": 2}'::json)"""
        )

        row = Job.objects.get()
        assert answer.rows == [f"{row.pk}|Inserted."]
        assert (row.name, row.priority, row.state) == (PAINT, 10, "ready")
        assert row.kwargs == {"label": "/tmp/wall", "colour": "red", "size": 2}

    @pytest.mark.parametrize("cast", ["::json", "::jsonb", "", "::text"])
    def test_the_arguments_may_be_json_jsonb_or_text(self, cast):
        assert psql(
            f"""CALL django_jobs_insert_job('ledger', 'x', 1, '{{"a": 1}}'{cast})"""
        ).sqlstate == ("JQ001")
        assert enqueued(f""", '{{"label": "", "colour": "red"}}'{cast}""").rows == [
            str(Job.objects.get().pk)
        ]

    def test_its_answer_can_be_had_in_a_block_of_code(self):
        answer = psql(
            """
            DO $$ DECLARE id bigint; told text; BEGIN
                CALL django_jobs_insert_job('paint', 'count_cans', 1, '{}', id, told);
                CALL django_jobs_insert_job('paint', 'count_cans', 1, '{}', id, told);
                RAISE EXCEPTION '% %', id, told;
            END $$
            """
        )
        assert answer.message.endswith("holds its unique key.")

    def test_no_priority_is_that_of_the_declaration(self):
        psql("""CALL django_jobs_insert_job('paint', 'order', NULL,
                '{"colour": "red", "litres": 1}'::json)""")
        assert Job.objects.get().priority == 7

    def test_an_unknown_task_is_refused_with_the_nearest(self):
        answer = psql("CALL django_jobs_insert_job('paint', 'ordr', 1, '{}'::json)")
        assert answer.sqlstate == "JQ001"
        assert answer.hint == "Did you mean (paint, order)?"
        assert not Job.objects.exists()

    def test_a_pair_that_two_functions_share_is_refused_and_both_are_named(self, own_registry):
        # Given two functions of one name in two modules of one name
        @as_if_at_the_top
        def order() -> None: ...

        order.__module__ = "shop.paint"
        job(order)
        catalogue.sync(using="default")
        # When they are called by their keys
        answer = psql("CALL django_jobs_insert_job('paint', 'order', 1, '{}'::json)")
        # Then none is chosen, and what would do is told
        assert answer.sqlstate == "JQ002"
        assert answer.message == f"The task (paint, order) is ambiguous: shop.paint.order, {ORDER}."
        assert "django_jobs_enqueue('shop.paint.order', …)" in answer.hint
        assert "@job(type_key=…)" in answer.hint


class TestFunction:
    def test_what_is_not_given_is_as_the_declaration_says(self):
        # Given the same job, enqueued from both sides
        enqueued(""", '{"colour": "red", "litres": 1.5}'""", ORDER)
        order.enqueue(colour="red", litres=1.5)
        # When the rows are compared
        varying = {"id", "enqueued_at", "scheduled_at"}
        ours, theirs = (
            {key: value for key, value in row.items() if key not in varying}
            for row in Job.objects.order_by("id").values()
        )
        # Then they are the same
        assert ours == theirs

    def test_limits_come_with_it(self):
        enqueued(name=count_cans.job.func)
        row = Job.objects.get()
        assert (row.lane, row.units, row.unique_key) == (row.name, 3, "inventory")

    def test_every_option_can_be_given_by_its_name(self):
        answer = enqueued(
            """, '{"colour": "red", "litres": 1, "day": {"$date": "2026-12-24"}}',
            queue => 'slow', priority => -3, max_attempts => 9, unique_key => 'one',
            scheduled_at => now() + interval '1 hour', timeout => '2 minutes',
            meta => '{"by": "Ada"}'""",
            ORDER,
        )
        row = Job.objects.get(pk=answer.rows[0])
        assert (row.queue, row.priority, row.max_attempts, row.unique_key, row.state) == (
            "slow", -3, 9, "one", "scheduled",
        )  # fmt: skip
        assert row.timeout == timedelta(minutes=2)
        assert timedelta(minutes=59) < row.scheduled_at - timezone.now() <= timedelta(hours=1)
        assert row.kwargs["day"] == {"$date": "2026-12-24"}
        assert row.meta == {"by": "Ada"}
        assert Queue.objects.filter(name="slow").exists()

    def test_what_is_due_already_is_ready(self):
        enqueued(""", '{"label": "", "colour": "red"}', scheduled_at => now() - interval '1 day'""")
        assert Job.objects.get().state == "ready"

    def test_it_is_part_of_the_callers_transaction(self):
        psql(f"""BEGIN; SELECT django_jobs_enqueue('{PAINT}', '{{"label":"","colour":"red"}}');
                 ROLLBACK""")
        assert not Job.objects.exists()

    def test_a_paused_queue_takes_jobs(self):
        pause_queue("orders")
        assert enqueued(""", '{"colour": "red", "litres": 1}'""", ORDER).rows

    def test_what_is_enqueued_so_is_run(self):
        enqueued(""", '{"label": "wall", "colour": "red"}'""")
        Worker(WorkerOptions(burst=True)).run()
        assert Effect.objects.get().label == "wall red 1"


class TestUniqueKeys:
    def test_the_holder_is_returned_and_left_alone(self):
        first = enqueued(name=count_cans.job.func)
        again = enqueued(", priority => 9", name=count_cans.job.func)
        assert first.rows == again.rows
        assert Job.objects.get().priority == 0

    def test_keys_that_python_computes_have_to_be_given(self):
        name = "testproject.ledger.paint.count_shelf"
        answer = enqueued(""", '{"shelf": 3}'""", name)
        assert (answer.sqlstate, "unique_key =>" in answer.hint) == ("JQ008", True)
        assert enqueued(""", '{"shelf": 3}', unique_key => 'shelf-3'""", name).rows

    def test_of_many_at_once_one_is_made(self):
        def call():
            return enqueued(name=count_cans.job.func).rows

        found = at_once(*[call] * 8)

        assert found == [[str(Job.objects.get().pk)]] * 8


class TestNotifying:
    @pytest.fixture
    def heard(self):
        """Return a function that returns what was said on the channel until now."""
        with psycopg.connect(url_of_test_database(), autocommit=True) as listener:
            listener.execute("LISTEN django_jobs")
            yield lambda: [(one.channel, one.payload) for one in listener.notifies(timeout=0.3)]

    def test_workers_are_told_once_for_each_transaction_and_queue(self, heard):
        call = f"""SELECT django_jobs_enqueue('{PAINT}', '{{"label":"","colour":"red"}}')"""
        psql(f"BEGIN; {call}; {call}; COMMIT")
        assert heard() == [("django_jobs", "default")]

    def test_nobody_is_told_of_what_is_for_later_or_was_there_already(self, heard):
        enqueued(name=count_cans.job.func)
        assert len(heard()) == 1
        enqueued(name=count_cans.job.func)
        enqueued(""", '{"label": "", "colour": "red"}', scheduled_at => now() + interval '1 h'""")
        assert heard() == []


#: Calls that are refused: the rest of the call, its code, and what message and hint tell.
REFUSED = [
    (""", '[1]'""", "JQ003", "must be a JSON object, not [1]", '{"label": …}'),
    (""", 'null'""", "JQ003", "not null", "Name each"),
    (""", '"ALL"'""", "JQ003", 'not "ALL"', "Name each"),
    (", '{}'", "JQ004", "missing arguments: label, colour.", "It takes: label, colour, size."),
    (""", '{"label": ""}'""", "JQ004", "missing arguments: colour.", "It takes"),
    (""", '{"label": "", "color": "red"}'""", "JQ005", "no argument color", "mean colour?"),
    (""", '{"x": 1}'""", "JQ005", "takes no argument x.", "It takes: label, colour, size."),
    (""", '{"label": "", "colour": "gren"}'""", "JQ006", "colour must be one of", "mean green?"),
    (""", '{"label": "", "colour": null}'""", "JQ006", "not null", "type counts"),
    (""", '{"label": "", "colour": "red", "size": 4}'""", "JQ006", "one of 1, 2, 3, not 4", ""),
    (""", '{"label": "", "colour": "red", "size": "2"}'""", "JQ006", 'not "2"', "type counts"),
    (""", '{"label": "", "colour": "red", "size": true}'""", "JQ006", "not true", "type counts"),
    (""", '{"label": "", "colour": "red", "size": [1]}'""", "JQ006", "not [1]", ""),
    (", '{', NULL", "22P02", "invalid input syntax for type json", ""),
]
OPTIONS = [
    "queue => ''", "queue => repeat('q', 256)", "queue => E'a\\nb'", "unique_key => ''",
    "unique_key => repeat('k', 256)", "max_attempts => 0", "max_attempts => 32768",
    "scheduled_at => 'infinity'", "scheduled_at => '-infinity'", "scheduled_at => '3000-01-01'",
    "timeout => '-1 second'", "timeout => '200 years'", "meta => '[]'", "meta => 'null'",
]  # fmt: skip


class TestRefusals:
    @pytest.mark.parametrize(("call", "code", "message", "hint"), REFUSED)
    def test_arguments(self, call, code, message, hint):
        answer = enqueued(call)
        assert answer.sqlstate == code
        assert message in answer.message
        assert hint in answer.hint
        assert not Job.objects.exists()

    @pytest.mark.parametrize("option", OPTIONS)
    def test_options(self, option):
        answer = enqueued(f""", '{{"label": "", "colour": "red"}}', {option}""")
        assert answer.sqlstate == "JQ007", answer
        assert option.split()[0] in answer.message
        assert not Job.objects.exists()

    def test_all_for_a_parameter_that_does_not_allow_it(self):
        answer = enqueued(""", '{"colour": "ALL", "litres": 1}'""", ORDER)
        assert answer.sqlstate == "JQ006"
        assert "@job(write_all=['colour'])" in answer.hint

    def test_an_unknown_name_with_the_nearest(self):
        answer = enqueued(name=PAINT.replace("ledger", "leger"))
        assert (answer.sqlstate, answer.hint) == ("JQ001", f"Did you mean {PAINT}?")

    def test_a_name_like_no_other(self):
        assert "jobs sync" in enqueued(name="zzzzzz").hint

    def test_no_name(self):
        assert psql("SELECT django_jobs_enqueue(NULL)").sqlstate == "JQ001"

    def test_a_function_that_the_code_declares_no_more(self):
        Task.objects.filter(name=PAINT).update(is_current=False)
        assert enqueued(""", '{"label": "", "colour": "red"}'""").sqlstate == "JQ001"

    def test_a_catalogue_that_nobody_has_written(self):
        Task.objects.all().delete()
        assert "manage.py migrate" in enqueued().hint

    def test_arguments_that_have_no_name(self, own_registry):
        job(as_if_at_the_top(_nameless))
        catalogue.sync(using="default")
        answer = enqueued(""", '{"a": 1}'""", name="tests.test_procedures._nameless")
        assert answer.sqlstate == "JQ005"
        answer = enqueued(name="tests.test_procedures._nameless")
        assert (answer.sqlstate, "by position only" in answer.hint) == ("JQ004", True)

    def test_every_code_is_documented(self):
        text = "\n".join(path.read_text() for path in (ROOT / "django_jobs").rglob("*.sql"))
        documented = {names(code)[0] for code, *_ in table(DOCS / "sql.md", "SQLSTATE")}
        codes = {word.strip("',") for word in text.split() if word.startswith("'JQ")}
        assert documented - {"22P02"} == codes


def _nameless(a: int, /) -> None: ...


class TestBothSides:
    @given(
        st.dictionaries(
            st.sampled_from(["colour", "size", "label", "other"]),
            st.sampled_from(["red", "ALL", "", 1, 2, 4, True, None, 1.0, "1", [1], {}]),
        )
    )
    def test_python_and_sql_take_and_refuse_the_same(self, kwargs):
        try:
            made = paint.job.with_kwargs(kwargs).prepare()
        except (InvalidArgument, TypeError):
            with pytest.raises(DatabaseError, match=r"must be one of|no argument|missing"):
                _from_sql(kwargs)
        else:
            row = _from_sql(kwargs)
            assert (row.queue, row.name) == (made.queue, made.name)
            assert row.kwargs == kwargs


def _from_sql(kwargs):
    with transaction.atomic():
        ((id_,),) = sql("SELECT django_jobs_enqueue(%s, %s)", PAINT, Jsonb(kwargs))
    return Job.objects.get(pk=id_)


class TestSafety:
    def test_names_are_those_of_the_tables_whatever_the_caller_has(self):
        # Given a caller with tables and functions of the same names
        answer = psql(
            f"""
            BEGIN;
            CREATE TEMP TABLE django_jobs_task (LIKE public.django_jobs_task);
            CREATE TEMP TABLE django_jobs_job (LIKE public.django_jobs_job);
            CREATE SCHEMA evil;
            CREATE FUNCTION evil.format(text, text) RETURNS text LANGUAGE sql AS 'SELECT $1';
            CREATE FUNCTION evil.pg_notify(text, text) RETURNS void LANGUAGE sql AS 'SELECT 1/0';
            SET LOCAL search_path = evil, pg_temp;
            SELECT public.django_jobs_enqueue('{PAINT}', '{{"label": "x", "colour": "red"}}');
            DROP SCHEMA evil CASCADE;
            COMMIT;
            """
        )
        assert not answer.sqlstate, answer
        assert Job.objects.get().name == PAINT

    def test_whoever_may_not_write_jobs_may_not_enqueue(self, role):
        answer = psql(f"SET ROLE {role}; SELECT django_jobs_enqueue('{PAINT}')")
        assert answer.sqlstate == "42501"

    def test_these_grants_are_enough(self, role):
        psql(f"""
            GRANT SELECT ON django_jobs_task TO {role};
            GRANT SELECT, INSERT ON django_jobs_job, django_jobs_queue TO {role};
        """)
        answer = psql(
            f"""SET ROLE {role};
            SELECT django_jobs_enqueue('{PAINT}', '{{"label": "", "colour": "red"}}', 'new');"""
        )
        assert not answer.sqlstate, answer

    def test_a_role_may_be_given_the_function_and_no_table(self, role):
        try:
            answer = psql(
                f"""
                ALTER FUNCTION django_jobs_enqueue SECURITY DEFINER;
                REVOKE EXECUTE ON FUNCTION django_jobs_enqueue FROM PUBLIC;
                GRANT EXECUTE ON FUNCTION django_jobs_enqueue TO {role};
                SET ROLE {role};
                SELECT django_jobs_enqueue('{PAINT}', '{{"label": "", "colour": "red"}}');
                """
            )
            assert not answer.sqlstate, answer
            assert psql(f"SET ROLE {role}; SELECT * FROM django_jobs_job").sqlstate == "42501"
        finally:
            psql(
                """
                ALTER FUNCTION django_jobs_enqueue SECURITY INVOKER;
                GRANT EXECUTE ON FUNCTION django_jobs_enqueue TO PUBLIC;
                """
            )


@pytest.fixture
def role():
    """Return the name of a role that may do nothing."""
    name = f"reporting_{os.getpid()}"
    psql(f"CREATE ROLE {name}; GRANT USAGE ON SCHEMA public TO {name}")
    yield name
    psql(f"DROP OWNED BY {name}; DROP ROLE {name}")


class TestInstalling:
    def test_they_can_be_dropped_and_made_again_any_number_of_times(self):
        for statements in (procedures.create(), procedures.drop(), procedures.drop()):
            sql(statements)
        assert psql("SELECT django_jobs_enqueue('x')").sqlstate == "42883"
        sql(procedures.create())
        found = {
            name.removeprefix("django_jobs_")
            for (name,) in sql("SELECT proname FROM pg_proc WHERE proname LIKE 'django_jobs_%%'")
        }
        assert found >= set(procedures.FUNCTIONS)

    def test_tables_in_another_schema_have_them_beside_them(self, tmp_path):
        # Given a project whose tables are in a schema of their own, with an odd name
        psql('CREATE SCHEMA "Odd jobs"')
        try:
            mark = "&" if "?" in url_of_test_database() else "?"
            option = quote('-c search_path="Odd\\ jobs"')
            url = f"{url_of_test_database()}{mark}options={option}"
            subprocess.run(
                [sys.executable, "manage.py", "migrate", "-v0", "django_jobs"],
                cwd=ROOT, env={**os.environ, "DATABASE_URL": url}, check=True,
            )  # fmt: skip
            # When a client calls them that looks elsewhere
            answer = psql(
                """CALL "Odd jobs".django_jobs_insert_job('paint', 'count_cans', 1, '{}'::json);
                SELECT count(*) FROM "Odd jobs".django_jobs_job"""
            )
            # Then the job is there, and not here
            assert answer.rows[1:] == ["1"], answer
            assert not Job.objects.exists()
        finally:
            with connection.cursor() as cursor:
                cursor.execute('DROP SCHEMA "Odd jobs" CASCADE')


def test_the_sql_of_the_page_runs(own_registry, monkeypatch):
    # The page's own module takes the place of the example project's, which has the same keys.
    registry._definitions.pop("testproject.ledger.things1.foo", None)
    Task.objects.filter(type_key="things1").delete()
    Session(DOCS / "sql.md", monkeypatch).run()
    catalogue.sync(using="default")
    for block in blocks(DOCS / "sql.md"):
        if block.language == "sql":
            answer = psql(block.code)
            told = re.search(r"^-- ERROR: +(JQ\d+)", block.code, re.MULTILINE)
            assert answer.sqlstate == (told[1] if told else ""), answer
