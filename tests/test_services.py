"""What the small services beside a worker do at each turn, and tell."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from django.db import ProgrammingError
from django.utils import timezone

from django_jobs.models import Job
from django_jobs.notebook import Notebook, Notes
from django_jobs.services.expirer import Expirer
from django_jobs.services.pruner import Pruner
from django_jobs.services.reporter import Reporter
from tests.rows import claim, make_job, make_jobs, row_of, sql

pytestmark = pytest.mark.django_db


@pytest.fixture
def log(caplog):
    """Return a function that returns the lines which were logged since it was last called."""
    caplog.set_level(logging.INFO, logger="django_jobs")

    def read():
        lines = [record.getMessage() for record in caplog.records]
        caplog.clear()
        return lines

    return read


def test_the_pruner_tells_how_many_it_has_deleted_and_nothing_of_none(log):
    ago = timezone.now() - timedelta(minutes=1)
    for _ in range(3):
        make_job("succeeded", prune_at=ago)
    kept = make_job("succeeded", prune_at=timezone.now() + timedelta(hours=1))
    pruner = Pruner(1.0, "default")

    assert [pruner.run_once(), log()] == [3, ["jobs.pruned count=3"]]
    assert [pruner.run_once(), log()] == [0, []]
    assert Job.objects.get() == kept


def test_the_expirer_tells_how_many_nobody_wants_any_more_and_nothing_of_none(log):
    make_jobs(2, expires_at=timezone.now() - timedelta(minutes=1))
    kept = make_job(expires_at=timezone.now() + timedelta(hours=1))
    expirer = Expirer(1.0, "default", retention=60.0)

    assert [expirer.run_once(), log()] == [2, ["jobs.expired count=2"]]
    assert [expirer.run_once(), log()] == [0, []]
    assert Job.objects.ready().get() == kept


@pytest.mark.django_db(transaction=True)
def test_the_reporter_keeps_what_it_could_not_write(worker):
    # Given what a running job tells, and a table that is away
    make_job()
    (job,) = claim()
    notebook = Notebook()
    notebook.add([Notes(job, {"percent": 50}, [])])
    reporter = Reporter(notebook, "default")
    sql("ALTER TABLE django_jobs_job RENAME TO elsewhere")
    try:
        with pytest.raises(ProgrammingError):
            reporter.run_once()
    finally:
        sql("ALTER TABLE elsewhere RENAME TO django_jobs_job")
    # When it is back
    assert reporter.run_once() == 1
    # Then it is written, once
    assert row_of(job)["progress"]["percent"] == 50
    assert reporter.run_once() == 0
