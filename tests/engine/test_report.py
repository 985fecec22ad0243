"""report: progress and log lines of running jobs, fenced."""

from __future__ import annotations

import pytest

from django_jobs import engine
from django_jobs.notebook import KEPT_LINES, Notes
from tests.rows import claim, ended, finish, make_job, make_jobs, row_of

pytestmark = pytest.mark.django_db


def report(*notes):
    engine.report(notes, using="default")


def told(row):
    return row_of(row)["progress"], row_of(row)["log"]


@pytest.fixture
def job():
    make_job()
    (job,) = claim()
    return job


def test_progress_and_lines_are_written(job):
    report(Notes(job, {"done": 1}, ["a", {"message": "b"}]))

    assert told(job) == ({"done": 1}, ["a", {"message": "b"}])


def test_what_was_not_told_stays(job):
    report(Notes(job, {"done": 1}, ["a"]))
    report(Notes(job, None, ["b"]))
    report(Notes(job, {"done": 2}, []))

    assert told(job) == ({"done": 2}, ["a", "b"])


def test_many_jobs_are_written_at_once_each_its_own():
    rows = make_jobs(30)
    jobs = claim()

    report(*(Notes(job, {"done": job.id}, [job.id]) for job in jobs[::-1]))

    assert [told(row) for row in rows] == [({"done": row.pk}, [row.pk]) for row in rows]


def test_nothing_told_is_nothing_done(django_assert_num_queries):
    with django_assert_num_queries(0):
        report()


@pytest.mark.parametrize("claims", [0, 2])
def test_of_another_claim_nothing_is_written(job, claims):
    before = row_of(job)

    report(Notes(job._replace(claims=claims), {"done": 1}, ["a"]))

    assert row_of(job) == before


def test_a_cancelled_job_takes_no_more(job):
    engine.cancel([job.id], retention=60, using="default")
    before = row_of(job)

    report(Notes(job, {"done": 1}, ["a"]))

    assert row_of(job) == before


def test_the_last_word_counts_after_the_end(job):
    finish(ended(job))

    report(Notes(job, {"done": 1}, ["last"]))

    assert told(job) == ({"done": 1}, ["last"])


def test_only_the_newest_lines_are_kept(job):
    report(Notes(job, None, list(range(KEPT_LINES))))
    report(Notes(job, None, [KEPT_LINES, KEPT_LINES + 1]))

    assert told(job)[1] == list(range(2, KEPT_LINES + 2))


def test_lines_may_hold_anything_that_context_lets_through(job):
    report(Notes(job, {"done": 1e300, "message": "\U0001f600 \\u0000"}, ["é \U0001f600"]))

    progress, log = told(job)
    assert progress["message"] == "\U0001f600 \\u0000"
    assert log == ["é \U0001f600"]


def test_a_job_that_is_gone_is_passed_over(job):
    report(Notes(job._replace(id=job.id + 1_000), {"done": 1}, []), Notes(job, None, ["a"]))

    assert told(job) == (None, ["a"])
