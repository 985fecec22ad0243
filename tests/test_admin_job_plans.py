"""What the page of one job asks the database, among a million jobs."""

from __future__ import annotations

from functools import partial

import pytest
from django.urls import reverse

from django_jobs.models import Job, Link
from tests.plans import TABLE, old_statistics, rows_touched, statements_of, ways_into_jobs
from tests.rows import make_job, sql
from tests.test_query_plans import MILLION, fill, finished

pytestmark = [pytest.mark.volume, pytest.mark.django_db(transaction=True)]

LINK = Link._meta.db_table
#: Rows of jobs that one statement may look at: what is counted ends at 1,000, in each of two parts.
MOST = 2_100


@pytest.fixture
def no_autovacuum(transactional_db):
    """Keep the statistics as old as the test makes them."""
    with old_statistics(TABLE, LINK):
        yield


@pytest.fixture
def client(client, django_user_model):
    """Return the client of somebody who may do anything."""
    client.force_login(
        django_user_model.objects.create(username="root", is_staff=True, is_superuser=True)
    )
    return client


@pytest.mark.usefixtures("no_autovacuum")
@pytest.mark.parametrize("analyzed", ["empty", "full"])
def test_the_page_reads_a_few_rows_of_a_million(analyzed, client, subtests):
    # Given a million jobs, among them one with 100,000 children, one that waits, one that runs
    sql(f"ANALYZE {TABLE}")
    finished(MILLION)
    fill("ready", 50_000)
    parent = make_job("succeeded")
    fill("succeeded", 100_000, finished_at="now()", parent_id=str(parent.pk))
    blocked, running = make_job("blocked"), make_job("running")
    last = make_job(parent=parent)
    Link.objects.create(waiting=blocked, awaited=running)
    failed = make_job("failed", ended_by=running.pk, parent=parent)
    if analyzed == "full":
        sql(f"ANALYZE {TABLE}")
    for row in (parent, blocked, running, last, failed):
        for name in ("change", "live"):
            address = reverse(f"admin:django_jobs_job_{name}", args=[row.pk])
            # When the page of each is looked at
            for statement in statements_of(partial(client.get, address), like=TABLE):
                # Then each statement looks into indexes, and at a few rows
                with subtests.test(f"{row.state} {name}: {' '.join(statement.split())[:120]}"):
                    assert "Seq Scan" not in ways_into_jobs(statement)
                    assert rows_touched(statement) <= MOST
    assert Job.objects.filter(parent=parent).count() == 100_002
