"""How the database runs what has to do with jobs that wait for jobs, among a million others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from django.db import transaction

from django_jobs import engine, runs
from django_jobs.models import Job, Link
from django_jobs.outcomes import Claimed
from tests.plans import (
    TABLE,
    old_statistics,
    rows_handled,
    statements_of,
    ways_into,
    ways_into_jobs,
)
from tests.rows import RETENTION, settle, sql

LINK = Link._meta.db_table
#: Jobs: those that are found by their arguments, others, and those that wait.
REMEMBERED, PLAIN, WAITING = 200_000, 530_000, 250_000
BATCH = 300


@pytest.fixture
def no_autovacuum(transactional_db):
    """Keep the statistics as old as the test makes them."""
    with old_statistics(TABLE, LINK):
        yield


@pytest.fixture
def a_million(no_autovacuum):
    """Fill the tables, behind the back of the planner."""
    # Of emptied tables it believes that they have one row, for ever after.
    sql(f"INSERT INTO {TABLE} (name) SELECT 'x' FROM generate_series(1, 2000)")
    sql(f"INSERT INTO {LINK} (waiting_id, awaited_id) SELECT n, n FROM generate_series(1, 2000) n")
    for table in (LINK, TABLE):
        sql(f"DELETE FROM {table}")
        sql(f"ANALYZE {table}")
    finished = "now() - n * interval '1 second'"
    done = "(name, state, finished_at, prune_at, kwargs, remembered)"
    sql(
        f"INSERT INTO {TABLE} {done} SELECT 'source', 'succeeded', {finished}, now(), "
        f"jsonb_build_object('n', n, 'm', n % 3), true FROM generate_series(1, {REMEMBERED}) AS n"
    )
    sql(
        f"INSERT INTO {TABLE} {done} SELECT 'x', 'succeeded', {finished}, now(), '{{}}', false "
        f"FROM generate_series(1, {PLAIN}) AS n"
    )
    sql(
        f"INSERT INTO {TABLE} (name, kwargs, remembered) SELECT 'source', "
        f"jsonb_build_object('n', -n, 'm', 5), true FROM generate_series(1, 20000) AS n"
    )
    # Each of many waits for one of its own, which has been awaited from the beginning.
    sql(
        f"INSERT INTO {TABLE} (name, state) SELECT 'y', 'blocked' "
        f"FROM generate_series(1, {WAITING}) AS n"
    )
    sql(
        f"INSERT INTO {LINK} (waiting_id, awaited_id) SELECT id, id - {WAITING} FROM {TABLE} "
        f"WHERE state = 'blocked'"
    )
    sql(
        f"UPDATE {TABLE} SET unsettled = true, state = 'failed', finished_at = now() WHERE id IN "
        f"(SELECT awaited_id FROM {LINK} ORDER BY 1 LIMIT {BATCH})"
    )
    sql(
        f"INSERT INTO {TABLE} (name, state, worker_id, claims, attempts) "
        f"SELECT 'z', 'running', 1, 1, 1 FROM generate_series(1, {BATCH})"
    )


def owned():
    ids = Job.objects.running().order_by("pk").values_list("pk", flat=True)
    return [Claimed(key, 1, "z", "[]", "{}", 1, 1, None, 0) for key in ids]


def find(given, window=3600.0):
    return runs.has_succeeded("source", given, window=window, waiting=1, key="k", using="default")


def look_for(given):
    return runs.coming("source", given, waiting=1, using="default")


def block():
    awaited = list(Job.objects.ready().order_by("-pk").values_list("pk", flat=True)[:BATCH])
    waits = [engine.Wait(job, other) for job, other in zip(owned(), awaited, strict=True)]
    engine.block(waits, retention=RETENTION, using="default")


def settle_good():
    Job.objects.failed().update(state="succeeded")
    settle()


def retry():
    settle()
    causes = Link.objects.order_by("awaited").values_list("awaited", flat=True)[:BATCH]
    engine.retry(list(causes), using="default")


def retry_the_ended():
    settle()
    ended = Job.objects.filter(ended_by__isnull=False, state="failed").values_list("pk", flat=True)
    engine.retry(list(ended), using="default")


def cancel():
    engine.cancel(
        list(Link.objects.values_list("waiting", flat=True)[:BATCH]),
        retention=60,
        using="default",
    )


def forsake():
    some = f"(SELECT awaited_id FROM {LINK} LIMIT 9)"
    sql(f"UPDATE {LINK} SET gone = true WHERE awaited_id IN {some}")
    settle()


#: What is done, how its statements are known, and the only ways that they may take.
PKEY = {"pkey"}
DONE = {"remembered", "args_done", "pkey"}
STATEMENTS: dict[str, tuple[Callable[[], object], str, set[str]]] = {
    "find by time": (partial(find, '{"m": 1}'), "job.remembered", DONE),
    "find by argument": (partial(find, '{"n": 99999}', None), "job.remembered", DONE),
    "find any": (partial(find, "{}"), "job.remembered", {"remembered", "pkey"}),
    "look for": (partial(look_for, '{"n": -99}'), "job.remembered", {"remembered", "args_live"}),
    "look for any": (partial(look_for, "{}"), "job.remembered", {"remembered"}),
    "lock": (block, "SELECT id, name, state", PKEY),
    "block": (block, "SET state = 'blocked'", PKEY),
    "look for a circle": (block, "WITH RECURSIVE ahead", set()),
    "link": (block, "INSERT INTO \"django_jobs_link\"", set()),
    "mark": (block, "SET unsettled = true", PKEY),
    "look at ends": (settle, "errors -> -1", {"unsettled"}),
    "take": (settle, "WITH waiting", PKEY),
    "find causes": (settle, "min(awaited_id)", set()),
    "fail": (settle, "SET state = 'failed'", PKEY),
    "tell": (settle, "SET unsettled = false", PKEY),
    "resolve": (settle_good, "SET resolved = true", set()),
    "free": (settle_good, "THEN 'scheduled' ELSE 'ready'", PKEY),
    "forsake": (forsake, "WITH free", PKEY),
    "forget": (forsake, "WHERE gone", set()),
    "go up": (retry_the_ended, "WITH RECURSIVE up", PKEY),
    "go down": (retry, "WITH RECURSIVE down", PKEY),
    "lock all": (retry, "SELECT id FROM \"django_jobs_job\" WHERE id = ANY", PKEY),
    "resume": (retry, "SET state = 'blocked'", {"pkey", "unique_key"}),
    "mark again": (retry, "SET unsettled = true", PKEY),
    "unlink": (cancel, "SELECT array_agg", PKEY),
}  # fmt: skip
#: What is looked for, and rows in hand at most.
LOOKS = [
    # One in three of the newest, and one that only its arguments lead to.
    (partial(find, '{"m": 1}'), 50),
    (partial(find, '{"n": 99999}', None), 1_000),
    # Not within the window, and not at all.
    (partial(find, '{"n": 99999}'), 1_000),
    (partial(find, '{"n": 0}'), 1_000),
    (partial(find, "{}"), 50),
    (partial(look_for, '{"n": -77}'), 1_000),
    (partial(look_for, '{"n": 77}'), 1_000),
    (partial(look_for, "{}"), 50),
]
#: Ways into the links that read them all.
SCANS = {"Seq Scan", "Sample Scan", "Tid Range Scan"}


def check(subtests):
    for name, (verb, like, allowed) in STATEMENTS.items():
        with subtests.test(name), transaction.atomic():
            statements = statements_of(verb, like=like)
            if verb in (settle, settle_good):
                # As it does itself, in the transaction that is taken back by now.
                sql(*statements_of(verb, like="enable_seqscan")[:1])
            for statement in statements:
                if "CURRENT" not in statement:
                    assert ways_into_jobs(statement) <= allowed
                    assert not ways_into(statement, LINK) & SCANS
            transaction.set_rollback(True)
    for look, most in LOOKS:
        with subtests.test(look.args):
            for statement in statements_of(look, like="job.remembered"):
                assert rows_handled(statement) <= most


@pytest.mark.volume
@pytest.mark.usefixtures("a_million")
class TestPlans:
    def test_among_a_million_jobs_everything_is_found_by_an_index(self, subtests):
        check(subtests)
        sql(f"ANALYZE {TABLE}")
        sql(f"ANALYZE {LINK}")
        check(subtests)

    def test_links_go_with_their_jobs_without_a_look_at_the_others(self):
        # Not on statistics of an emptied table, which autovacuum replaces within a minute: with
        # these PostgreSQL 15 reads all links for each thousand jobs, in about a second.
        sql(f"ANALYZE {LINK}")
        ids = list(Link.objects.order_by("waiting").values_list("waiting", flat=True)[:1000])
        with transaction.atomic():
            before = links_read()
            sql(f"DELETE FROM {TABLE} WHERE id = ANY(%s)", ids)

            assert links_read() - before <= 2 * len(ids)

        assert Link.objects.count() == WAITING - 1000


def links_read():
    """Return how many links this transaction has read, some more than once."""
    told = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = %s"
    ((count,),) = sql(told, LINK)
    return count
