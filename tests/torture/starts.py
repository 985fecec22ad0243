"""When jobs were claimed: written down by the database itself, beside the tables of the queue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from django_jobs.models import Job
from tests.rows import sql

#: Every claim is committed or not as the claimer's transaction is. Its permit was counted at a
#: moment between the two that are kept.
_BEGIN = """
CREATE TABLE torture_claim (job bigint, after timestamptz, before timestamptz);
CREATE FUNCTION torture_claimed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO torture_claim VALUES (NEW.id, transaction_timestamp(), statement_timestamp());
    RETURN NULL;
END $$;
CREATE TRIGGER torture_claimed AFTER UPDATE ON {table} FOR EACH ROW
    WHEN (OLD.state <> 'running' AND NEW.state = 'running' AND NEW.name = '{name}')
    EXECUTE FUNCTION torture_claimed()
"""
_END = """
DROP TRIGGER torture_claimed ON {table}; DROP FUNCTION torture_claimed; DROP TABLE torture_claim
"""
_WINDOWS = """
SELECT floor(extract(epoch FROM after))::bigint, floor(extract(epoch FROM before))::bigint
FROM torture_claim
"""


@contextmanager
def written_down(name: str) -> Iterator[None]:
    """Write down every claim of jobs of this name, while the block lasts."""
    names = {"table": Job._meta.db_table, "name": name}
    sql(_BEGIN.format(**names))
    try:
        yield
    finally:
        sql(_END.format(**names))


def most_in_a_second() -> int:
    """Return the most claims whose permits were surely counted in one and the same second.

    One whose transaction began in the second before may have been counted in either.
    """
    seconds = Counter(first for first, last in sql(_WINDOWS) if first == last)
    return max(seconds.values(), default=0)
