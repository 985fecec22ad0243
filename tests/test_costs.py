"""What one job costs is what docs/performance.md says."""

from __future__ import annotations

import re

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from django_jobs import enqueue, enqueue_many
from django_jobs.models import Job
from tests.pages import DOCS, ROOT, blocks, names, table
from tests.rows import claim, ended, finish, sql
from tests.samples import anything

PAGE = DOCS / "performance.md"
pytestmark = pytest.mark.django_db(transaction=True)

#: What is enqueued in each row of the first table.
WAYS = {
    "`enqueue()`": lambda: anything.enqueue(),
    "with a unique key": lambda: enqueue(anything.job.with_unique_key("a key")),
    "`enqueue_many()` of 1,000": lambda: enqueue_many([anything.job] * 1000),
}


@pytest.mark.parametrize("way", WAYS)
def test_enqueueing_takes_so_many_statements(way):
    (said,) = (cell for name, cell, _ in table(PAGE, "what") if name == way)
    anything.enqueue()  # so that the queue has its row

    with CaptureQueriesContext(connection) as statements:
        WAYS[way]()

    without_notify = [one for one in statements if "pg_notify" not in one["sql"]]
    assert len(without_notify) == int(said.partition(",")[0])


def test_claims_and_ends_of_many_jobs_take_so_many_statements(worker):
    anything.enqueue()
    claim(worker)  # the first one of a process compiles its statement
    enqueue_many([anything.job] * 100)

    with CaptureQueriesContext(connection) as claiming:
        claimed = claim(worker)
    with CaptureQueriesContext(connection) as ending:
        finish(*map(ended, claimed))

    assert len(claimed) == 100
    assert {"claim": len(claiming), "end": len(ending)} == {
        name: int(cell[0]) for name, cell, _ in table(PAGE, "what") if name in ("claim", "end")
    }


def test_a_job_has_so_many_index_entries_in_each_state(worker):
    row = anything.enqueue()
    seen = {Job.objects.get().state: entries(row)}
    (claimed,) = claim(worker)
    seen[Job.objects.get().state] = entries(row)
    finish(ended(claimed))
    seen[Job.objects.get().state] = entries(row)

    documented = {names(state)[0]: int(count) for state, _, count in table(PAGE, "the row is")}
    assert documented == seen


def entries(row):
    """Return how many indexes hold for a row as it is."""
    predicates = sql(
        "SELECT coalesce(pg_get_expr(indpred, indrelid), 'true') FROM pg_index "
        "WHERE indrelid = 'django_jobs_job'::regclass"
    )
    conditions = " + ".join(f"({text})::bool::int" for (text,) in predicates)
    ((count,),) = sql(f"SELECT {conditions} FROM django_jobs_job WHERE id = %s", row.pk)
    return count


def test_the_sql_of_the_page_runs():
    with transaction.atomic():
        for block in blocks(PAGE):
            if block.language == "sql":
                sql(block.code)
        ((settings,),) = sql("SELECT reloptions FROM pg_class WHERE relname = 'django_jobs_job'")
        transaction.set_rollback(True)

    assert {"fillfactor=80", "autovacuum_vacuum_scale_factor=0.01"} <= set(settings)


def test_the_ratios_are_those_of_the_benchmarks():
    measured = (ROOT / "benchmarks" / "README.md").read_text().partition("## Results")[2]
    ratios = [
        ratio
        for _, cell, _ in table(PAGE, "what is measured")
        for ratio in re.findall(r"\d\.\d\d", cell)
    ]

    assert len(ratios) > 7
    assert [ratio for ratio in ratios if f" {ratio}" not in measured.replace("**", " ")] == []
