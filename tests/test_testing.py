"""The helpers for the tests of projects, inside of a test's transaction."""

import ast
import os
import subprocess
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.core import mail
from django.db import transaction

from django_jobs import JobSpec, chain, enqueue, testing
from django_jobs.checks.declarations import check_immediate
from django_jobs.models import Job, Worker
from django_jobs.testing import (
    assert_enqueued,
    assert_idempotent,
    assert_not_enqueued,
    captured_jobs,
    run_jobs,
    travel,
)
from testproject import shop
from testproject.ledger import tried
from testproject.ledger.models import Effect, Gate

pytestmark = pytest.mark.django_db

#: What a project's own tests look like.
SHOP_TESTS = ast.parse(Path(shop.__file__, "../tests.py").resolve().read_text())


def labels():
    return sorted(Effect.objects.values_list("label", flat=True))


def test_what_is_due_runs_and_comes_back_with_its_result():
    # Given
    made = tried.plain.enqueue(label="x")

    # When
    (ran,) = run_jobs()

    # Then
    assert (ran.pk, ran.state, ran.result, labels()) == (made.pk, "succeeded", "x", ["x"])
    assert not Worker.objects.exists()


def test_an_atomic_job_succeeds_or_leaves_nothing():
    # Given
    tried.atomic.enqueue(label="good")
    tried.atomic.enqueue(label="broken")

    # When
    ran = run_jobs()

    # Then
    states = sorted((one.name.rpartition(".")[2], one.state) for one in ran)
    assert states == [("atomic", "failed"), ("atomic", "succeeded"), ("plain", "succeeded")]
    assert labels() == ["after good", "good"]


def test_what_a_failed_attempt_wrote_stays_and_the_next_one_is_due_later():
    # Given
    tried.failing.enqueue()

    # When
    (first,) = run_jobs()
    nothing = run_jobs()
    with travel(timedelta(minutes=2)):
        (last,) = run_jobs()

    # Then
    assert (first.state, nothing, last.state) == ("scheduled", [], "failed")
    assert labels() == ["kept", "kept"]
    assert len(last.errors) == 2


def test_an_error_is_raised_where_that_is_asked_for():
    # Given
    tried.failing.enqueue()

    # When
    with pytest.raises(ValueError, match="broken"):
        run_jobs(raise_errors=True)

    # Then
    assert Job.objects.get().state == "scheduled"


def test_a_statement_that_fails_harms_neither_the_job_nor_the_test():
    # Given
    tried.clashing.enqueue()

    # When
    (ran,) = run_jobs()

    # Then
    assert (ran.state, labels(), Gate.objects.count()) == ("succeeded", ["refused"], 1)


def test_a_coroutine_sees_the_rows_of_the_test():
    # Given
    tried.add("here")
    tried.counting.enqueue()

    # When
    (ran,) = run_jobs()

    # Then
    assert (ran.state, ran.result) == ("succeeded", 1)


def test_a_workflow_runs_to_its_end():
    # Given
    plain = tried.plain.job
    workflow = chain(plain.with_kwargs(label="a"), plain.with_kwargs(label="b"))

    # When
    row = enqueue(workflow)
    run_jobs()

    # Then
    row.refresh_from_db()
    assert (row.state, labels()) == ("succeeded", ["a", "b"])


def test_only_what_was_due_at_first_runs_where_that_is_asked_for():
    # Given
    tried.atomic.enqueue()

    # When
    ran = run_jobs(until_empty=False)

    # Then
    assert [one.name for one in ran] == ["testproject.ledger.tried.atomic"]


def test_jobs_are_captured_those_of_callbacks_too():
    # Given
    plain = tried.plain

    # When
    with captured_jobs(on_commit=True) as jobs:
        plain.enqueue(label="now")
        transaction.on_commit(partial(plain.enqueue, label="then"))

    # Then
    assert [one.kwargs for one in jobs] == [{"label": "now"}, {"label": "then"}]
    assert_enqueued(plain, kwargs={"label": "then"}, count=1, jobs=jobs)
    assert_not_enqueued(plain, queue="mail")


def test_a_function_that_is_no_job_yet_is_known_by_its_path():
    # Given
    enqueue(JobSpec.from_func(tried.add, kwargs={"label": "x"}))

    # Then
    assert_enqueued(tried.add, kwargs={"label": "x"})
    assert_not_enqueued(tried.plain)


def test_a_miss_shows_what_was_enqueued_instead():
    # Given
    tried.plain.enqueue(label="x")

    # When
    with pytest.raises(AssertionError) as caught:
        assert_enqueued(tried.plain, kwargs={"label": "y"})

    # Then
    assert "kwargs is {'label': 'x'}, not {'label': 'y'}" in str(caught.value)


def test_when_it_is_due_may_be_told_as_a_while_or_a_moment():
    # Given
    later = enqueue(tried.plain.job.with_kwargs(label="x").with_scheduled_at(timedelta(hours=1)))

    # Then
    assert_enqueued(tried.plain, scheduled_at=timedelta(hours=1))
    assert_enqueued(tried.plain, scheduled_at=later.scheduled_at)
    assert_not_enqueued(tried.plain, scheduled_at=timedelta(hours=2))


def test_a_miss_says_so_where_nothing_was_enqueued():
    with pytest.raises(AssertionError, match=r"at least 1 .* found 0.\nNothing was enqueued."):
        assert_enqueued(tried.plain)


def test_a_careful_job_is_idempotent():
    assert assert_idempotent(tried.careful, label="x") > 2
    assert assert_idempotent(tried.atomic, label="x") >= 2
    assert not Effect.objects.exists()


def test_a_job_that_fails_when_it_runs_again_is_caught_with_its_error():
    with pytest.raises(AssertionError, match=r"after its last statement") as caught:
        assert_idempotent(tried.only_once, label="x")

    assert "The job lacks succeeded" in str(caught.value)
    assert "The job has besides failed x was here" in str(caught.value)


def test_a_job_that_fails_whenever_it_runs_is_idempotent():
    statements = assert_idempotent(tried.refusing, label="x")

    assert statements == 1


def test_a_careless_job_is_caught_with_the_statement():
    with pytest.raises(AssertionError, match=r"before statement 2 of \d+: SELECT") as caught:
        assert_idempotent(tried.careless, label="x")

    assert "ledger.Effect has besides" in str(caught.value)


def test_the_plugin_is_importable_while_django_is_not_configured():
    code = (
        "import django_jobs.testing.pytest_plugin, sys; from django.conf import settings;"
        "assert not settings.configured"
    )
    env = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    subprocess.run([sys.executable, "-c", code], check=True, env=env)


@pytest.mark.parametrize("label", ["good", "broken"])
def test_in_immediate_mode_jobs_run_when_they_are_committed(
    label, settings, django_capture_on_commit_callbacks
):
    # Given
    settings.DJANGO_JOBS = {"IMMEDIATE": True}

    # When
    with django_capture_on_commit_callbacks(execute=True):
        row = tried.atomic.enqueue(label=label)
        before = labels()

    # Then
    row.refresh_from_db()
    assert before == []
    assert row.state == ("succeeded" if label == "good" else "failed")
    assert labels() == (["after good", "good"] if label == "good" else [])


def test_immediate_mode_is_warned_of_outside_of_tests(settings, monkeypatch):
    # Given
    settings.DJANGO_JOBS = {"IMMEDIATE": True}
    in_tests = check_immediate(None)

    # When
    monkeypatch.delattr(mail, "outbox", raising=False)

    # Then
    assert in_tests == []
    assert [one.id for one in check_immediate(None)] == ["django_jobs.W003"]


def test_the_plugin_has_fixtures_of_the_same_helpers(request):
    # Given
    clock, captured, run = map(request.getfixturevalue, ("jobs_clock", "captured_jobs", "run_jobs"))

    # When
    with captured() as jobs:
        enqueue(tried.plain.job.with_scheduled_at(timedelta(hours=1)).with_queue("own"))
    early = run(queues=["own"])
    with clock(timedelta(hours=2)):
        ran = run(queues=["own"])

    # Then
    assert early == []
    assert [(one.pk, one.state) for one in ran] == [(jobs[0].pk, "succeeded")]


@pytest.mark.parametrize("name", testing.__all__)
def test_the_tests_of_the_shop_use_every_helper(name):
    calls = (node for node in ast.walk(SHOP_TESTS) if isinstance(node, ast.Call))
    assert name in {ast.unparse(call.func) for call in calls}


def test_the_tests_of_the_shop_use_the_immediate_mode():
    assert "IMMEDIATE" in {
        node.value for node in ast.walk(SHOP_TESTS) if isinstance(node, ast.Constant)
    }
