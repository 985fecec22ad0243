"""How the database runs the engine's statements."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from django_jobs.engine.trips import SEPARATOR
from django_jobs.models import Job
from tests.rows import sql

TABLE = Job._meta.db_table
#: Ways to read a table that use no index.
WHOLE_SCANS = {"Seq Scan", "Sample Scan", "Tid Range Scan"}


def statements_of(verb: Callable[[], Any], *, like: str) -> list[str]:
    """Run a verb, take back what it did, and return the statements that hold ``like``."""
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        verb()
        transaction.set_rollback(True)
    sent = [one for query in queries for one in query["sql"].split(SEPARATOR)]
    found = [statement for statement in sent if like in statement]
    assert found, f"no statement holds {like!r}"
    return found


def ways_into_jobs(statement: str) -> set[str]:
    """Return the indexes by which a statement reaches jobs, and the scans that use none."""
    return ways_into(statement, TABLE)


def ways_into(statement: str, table: str) -> set[str]:
    """Return the indexes by which a statement reaches a table, and the scans that use none."""
    ((plan,),) = sql(f"EXPLAIN (FORMAT JSON) {statement}")
    plan = json.loads(plan) if isinstance(plan, str) else plan
    return set(_ways(plan[0]["Plan"], table))


def _ways(node: dict[str, Any], table: str) -> Iterator[str]:
    if "Index Name" in node:
        if node["Index Name"].startswith(f"{table}_"):
            yield node["Index Name"].removeprefix(f"{table}_")
    elif node.get("Relation Name") == table and node["Node Type"] in WHOLE_SCANS:
        yield node["Node Type"]
    for child in node.get("Plans", ()):
        yield from _ways(child, table)


def rows_touched(statement: str) -> float:
    """Run a statement; return how many rows of jobs its scans looked at."""
    ((plan,),) = sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}")
    plan = json.loads(plan) if isinstance(plan, str) else plan
    return sum(_looked_at(plan[0]["Plan"]))


def _looked_at(node: dict[str, Any]) -> Iterator[float]:
    if node.get("Relation Name") == TABLE and "Scan" in node["Node Type"]:
        removed = node.get("Rows Removed by Filter", 0)
        yield (node["Actual Rows"] + removed) * node["Actual Loops"]
    for child in node.get("Plans", ()):
        yield from _looked_at(child)


def rows_handled(statement: str) -> float:
    """Run a statement and take it back; return how many rows all of its steps had in hand."""
    with transaction.atomic():
        ((plan,),) = sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}")
        transaction.set_rollback(True)
    plan = json.loads(plan) if isinstance(plan, str) else plan
    return sum(_handled(plan[0]["Plan"]))


def _handled(node: dict[str, Any]) -> Iterator[float]:
    removed = sum(value for key, value in node.items() if key.startswith("Rows Removed by"))
    yield (node["Actual Rows"] + removed) * node["Actual Loops"]
    for child in node.get("Plans", ()):
        yield from _handled(child)


@contextmanager
def old_statistics(*tables: str) -> Iterator[None]:
    """Keep the statistics of tables as old as the block makes them, and leave the tables empty."""
    # Pages of rows that were rolled back would else count: what is empty is of no size.
    sql(f"TRUNCATE {', '.join(tables)}")
    for table in tables:
        sql(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    try:
        yield
    finally:
        sql(f"TRUNCATE {', '.join(tables)}")
        for table in tables:
            sql(f"ALTER TABLE {table} RESET (autovacuum_enabled)")
            sql(f"ANALYZE {table}")
