"""The index of all jobs by their arguments. Opt-in: each job that is made has to be put into it."""

from __future__ import annotations

from django.db import connections

from django_jobs.engine.sql import JOB, change, fetch

#: Its name. Another one over the same column serves as well.
NAME = "django_jobs_job_arguments"

_EXISTS = """
SELECT EXISTS (
    SELECT 1 FROM pg_index AS one
    JOIN pg_class AS index ON index.oid = one.indexrelid
    JOIN pg_am AS method ON method.oid = index.relam
    JOIN pg_attribute AS attribute
        ON attribute.attrelid = one.indrelid AND attribute.attnum = one.indkey[0]
    WHERE one.indrelid = %s::regclass AND one.indisvalid AND one.indpred IS NULL
        AND method.amname = 'gin' AND attribute.attname = 'kwargs'
)
"""


def exists(using: str) -> bool:
    """Return whether jobs are found by their arguments by an index."""
    ((found,),) = fetch(using, _EXISTS, (JOB,))
    return bool(found)


def create(using: str) -> None:
    """Make the index, without stopping anybody meanwhile. Not inside of a transaction."""
    connections[using].validate_no_atomic_block()
    # One that broke off has left an index that is of no use.
    change(using, f"DROP INDEX CONCURRENTLY IF EXISTS {NAME}")
    change(using, f"CREATE INDEX CONCURRENTLY {NAME} ON {JOB} USING gin (kwargs jsonb_path_ops)")


def drop(using: str) -> None:
    """Drop the index, without stopping anybody meanwhile. Not inside of a transaction."""
    connections[using].validate_no_atomic_block()
    change(using, f"DROP INDEX CONCURRENTLY IF EXISTS {NAME}")
