"""What a worker writes down of runs that the database will not take as they are."""

from __future__ import annotations

import pytest

from django_jobs import execution
from django_jobs.models import Job
from django_jobs.orders import WorkerOptions
from django_jobs.outcomes import Succeeded
from django_jobs.worker.books import Books
from django_jobs.worker.gauges import Gauges
from django_jobs.worker.herald import Herald
from django_jobs.worker.worker import Worker
from testproject.ledger import jobs
from tests.rows import RETENTION, claim, ended, make_job, row_of

pytestmark = pytest.mark.django_db(transaction=True)


def run():
    return Worker(WorkerOptions(burst=True)).run()


def test_a_result_that_is_too_large_fails_its_job_with_a_hint(monkeypatch, caplog):
    # Given a limit on results
    monkeypatch.setattr(execution, "MAX_RESULT", 1_000)
    large, small = jobs.give_back.enqueue("x" * 1_000), jobs.give_back.enqueue("x" * 900)
    # When one is larger
    run()
    # Then that job fails, its neighbour does not, and both the row and the log say why
    large.refresh_from_db()
    small.refresh_from_db()
    assert (large.state, small.state) == (Job.State.FAILED, Job.State.SUCCEEDED)
    assert "store it elsewhere" in large.errors[0]["message"]
    assert "job.failed" in caplog.text


def test_what_the_server_refuses_fails_its_job_and_no_other(worker):
    # Given two runs, of which one has a result that is too deep for the server to read
    make_job()
    make_job()
    refused, plain = claim()
    depth = 100_000
    # When both are recorded at once
    books = Books("here:1", Gauges(), Herald("default"), RETENTION, "default")
    books.record([ended(refused, Succeeded("[" * depth + "]" * depth)), ended(plain)])
    # Then one has failed, and says why
    assert row_of(refused)["state"] == Job.State.FAILED
    assert "stack depth" in row_of(refused)["errors"][0]["message"]
    assert row_of(plain)["state"] == Job.State.SUCCEEDED
