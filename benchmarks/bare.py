"""What psycopg alone does with the same rows: the bare loop, the bare INSERT, the bare COPY.

No Django, no job function, one process, the same table with all its indexes and constraints.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

NOTHING = "testproject.ledger.jobs.nothing"
COUNT = "benchmarks.jobs.count"
#: The job of a hot key, and how long it works, in seconds.
HOT, KEY, SHORT = "benchmarks.keyed.hot", "hot", 0.001
#: Jobs of one claim and one finish.
BATCH = 500
#: What is run before the clock starts: connections, prepared statements, caches.
WARM_UP = 100

_CLAIM = """
WITH picked AS MATERIALIZED (
    SELECT id FROM django_jobs_job WHERE state = 'ready' AND queue = %s AND lane = ''
        AND concurrency_key = ''
    ORDER BY priority DESC, id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE django_jobs_job AS job
SET state = 'running', worker_id = %s, claims = job.claims + 1, attempts = job.attempts + 1,
    started_at = statement_timestamp()
FROM picked WHERE job.id = picked.id
RETURNING job.id, job.claims, job.name, job.args::text, job.kwargs::text, job.attempts,
    job.max_attempts, extract(epoch FROM job.timeout)::float8, job.priority
"""
_FINISH = """
UPDATE django_jobs_job AS job
SET state = 'succeeded', started_at = job.started_at, finished_at = statement_timestamp(),
    prune_at = statement_timestamp() + interval '1 day', result = ended.result::jsonb
FROM unnest(%s::bigint[], %s::int[], %s::text[]) AS ended (id, claims, result)
WHERE job.id = ended.id AND job.claims = ended.claims
"""
_INSERT = "INSERT INTO django_jobs_job (queue, name) VALUES (%s, %s) RETURNING id"
_INSERT_KWARGS = """
INSERT INTO django_jobs_job (queue, name, kwargs) VALUES (%s, %s, %s::jsonb) RETURNING id
"""
_INSERT_AND_NOTIFY = """
WITH made AS (INSERT INTO django_jobs_job (queue, name) VALUES (%s, %s) RETURNING id)
SELECT pg_notify('bare', id::text) FROM made
"""


def drain(jobs: int) -> dict[str, Any]:
    """Claim and finish in batches until nothing is ready: the bare loop."""
    began = time.perf_counter()
    with _connect() as connection, connection.cursor() as cursor:
        while _take_batch(cursor):
            pass
        return {"seconds": time.perf_counter() - began}


def _take_batch(cursor: psycopg.Cursor[Any]) -> int:
    claimed = cursor.execute(_CLAIM, ("default", BATCH, 1)).fetchall()
    if claimed:
        ids, claims = [row[0] for row in claimed], [row[1] for row in claimed]
        cursor.execute(_FINISH, (ids, claims, [None] * len(ids)))
    return len(claimed)


def hot(jobs: int) -> dict[str, Any]:
    """Claim one job of the hot key, work, and finish it, again and again."""
    claim = _CLAIM.replace("lane = ''", f"lane = '{HOT}'")
    claim = claim.replace("concurrency_key = ''", f"concurrency_key = '{KEY}'")
    with _connect() as connection, connection.cursor() as cursor:
        for _ in range(jobs):
            ((id_, claims, *_),) = cursor.execute(claim.encode(), ("default", 1, 1)).fetchall()
            time.sleep(SHORT)
            cursor.execute(_FINISH, ([id_], [claims], [None]))
    return {}


def enqueue(jobs: int) -> dict[str, Any]:
    """Insert one by one, each in its own transaction."""
    return _insert(jobs, _INSERT, lambda number: ("default", NOTHING))


def enqueue_kwargs(jobs: int) -> dict[str, Any]:
    """Insert one by one, each in its own transaction, with one argument."""
    return _insert(
        jobs, _INSERT_KWARGS, lambda number: ("default", COUNT, json.dumps({"number": number}))
    )


def _insert(jobs: int, statement: Any, values: Callable[[int], Sequence[object]]) -> dict[str, Any]:
    with _connect() as connection, connection.cursor() as cursor:
        for number in range(WARM_UP):
            cursor.execute(statement, values(number)).fetchone()
        began = time.perf_counter()
        for number in range(jobs):
            cursor.execute(statement, values(number)).fetchone()
        return {"seconds": time.perf_counter() - began}


def bulk(jobs: int) -> dict[str, Any]:
    """COPY the same columns in one transaction, their texts made beforehand."""
    rows = [("default", COUNT, f'{{"number":{number}}}') for number in range(jobs)]
    with _connect() as connection:
        began = time.perf_counter()
        with (
            connection.transaction(),
            connection.cursor() as cursor,
            cursor.copy("COPY django_jobs_job (queue, name, kwargs) FROM STDIN") as copy,
        ):
            for row in rows:
                copy.write_row(row)
        return {"seconds": time.perf_counter() - began}


def worker(jobs: int = 0) -> dict[str, Any]:
    """Claim and finish one job whenever one is notified, until terminated."""
    with _connect() as connection, connection.cursor() as cursor:
        cursor.execute("LISTEN bare")
        while True:
            _take_batch(cursor)
            # Not one endless notifies(): what arrives while it is suspended would be lost.
            for _ in connection.notifies(stop_after=1):
                pass


def insert_and_notify(connection: psycopg.Connection) -> None:
    """Insert one job and wake the bare worker."""
    connection.execute(_INSERT_AND_NOTIFY, ("default", NOTHING))


def _connect() -> psycopg.Connection:
    return psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sides = {one.__name__: one for one in (drain, hot, enqueue, enqueue_kwargs, bulk, worker)}
    print(json.dumps(sides[sys.argv[1]](*map(int, sys.argv[2:]))))
