"""How the database runs the engine's statements."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

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
    found = [query["sql"] for query in queries if like in query["sql"]]
    assert found, f"no statement holds {like!r}"
    return found


def ways_into_jobs(statement: str) -> set[str]:
    """Return the indexes by which a statement reaches jobs, and the scans that use none."""
    return ways_into(TABLE, statement)


def ways_into(table: str, statement: str) -> set[str]:
    """Return the indexes by which a statement reaches a table, and the scans that use none."""
    ((plan,),) = sql(f"EXPLAIN (FORMAT JSON) {statement}")
    plan = json.loads(plan) if isinstance(plan, str) else plan
    return set(_ways(table, plan[0]["Plan"]))


def _ways(table: str, node: dict[str, Any]) -> Iterator[str]:
    if "Index Name" in node:
        if node["Index Name"].startswith(table):
            yield node["Index Name"].removeprefix(f"{table}_")
    elif node.get("Relation Name") == table and node["Node Type"] in WHOLE_SCANS:
        yield node["Node Type"]
    for child in node.get("Plans", ()):
        yield from _ways(table, child)
