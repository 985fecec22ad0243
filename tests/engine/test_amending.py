"""retry_with: a failed or cancelled job gets other arguments and is tried again, or nothing is."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync

from django_jobs import aretry_with, chain, retry_with
from django_jobs.encoding import decode
from django_jobs.exceptions import NotStorable, UnknownJob
from django_jobs.models import Job
from tests.plans import statements_of, ways_into_jobs
from tests.rows import make_job, new_job, row_of, settle, state_of
from tests.samples import send

pytestmark = pytest.mark.django_db


def test_the_row_is_ready_with_the_new_arguments_and_all_its_attempts():
    for state in ("failed", "cancelled"):
        row = make_job(state, name=send.job.func, kwargs={"order_id": 1}, args=[1], attempts=3)

        assert retry_with(row, kwargs={"order_id": 2})

        now = row_of(row)
        assert (now["state"], now["args"], now["kwargs"]) == ("ready", [], {"order_id": 2})
        assert (now["attempts"], now["claims"]) == (0, row.claims + 1)


@pytest.mark.parametrize("state", ["scheduled", "blocked", "ready", "running", "succeeded"])
def test_in_any_other_state_nothing_is_changed(state):
    row = make_job(state, name=send.job.func, kwargs={"order_id": 1})
    before = row_of(row)

    assert not retry_with(row, kwargs={"order_id": 2})

    assert row_of(row) == before


@pytest.mark.parametrize(
    ("kwargs", "error"),
    [({"order": 2}, TypeError), ({}, TypeError), ({"order_id": "\x00"}, NotStorable)],
)
def test_what_enqueueing_refuses_is_refused(kwargs, error):
    row = make_job("failed", name=send.job.func, kwargs={"order_id": 1})
    with pytest.raises(error):
        retry_with(row, kwargs=kwargs)
    assert state_of(row) == "failed"


def test_an_unknown_function_and_a_row_that_is_gone_are_refused():
    with pytest.raises(UnknownJob):
        retry_with(make_job("failed", name="gone.one"))
    with pytest.raises(Job.DoesNotExist):
        retry_with(123456789)


def test_a_key_that_was_given_stays():
    row = make_job("failed", name=send.job.func, unique_key="k", concurrency_key="c")

    assert retry_with(row.pk, [2])

    now = row_of(row)
    assert (now["unique_key"], now["concurrency_key"], now["args"]) == ("k", "c", [2])


def test_a_part_of_a_workflow_resumes_it():
    # Given a workflow that has failed at its first step
    work = new_job(func=send, kwargs={"order_id": 1})
    chain(work, work).enqueue()
    row, after = Job.objects.order_by("pk")
    Job.objects.filter(pk=row.pk).update(state="failed", finished_at=row.enqueued_at)
    settle()
    assert state_of(after) == "cancelled"
    # When the job is retried with other arguments
    assert retry_with(row, kwargs={"order_id": 2})
    # Then it has these, and what came after it waits again
    assert [state_of(row), state_of(after)] == ["ready", "blocked"]
    assert decode('{"order_id": 2}') == row_of(row)["kwargs"]


@pytest.mark.django_db(transaction=True)
def test_the_twin_does_the_same():
    row = make_job("failed", name=send.job.func)

    assert async_to_sync(aretry_with)(row, [2])

    assert state_of(row) == "ready"


def test_the_row_is_found_by_its_id_however_many_there_are():
    row = make_job("failed", name=send.job.func)

    for statement in statements_of(lambda: retry_with(row, [2]), like="SET args"):
        assert ways_into_jobs(statement) == {"pkey"}
