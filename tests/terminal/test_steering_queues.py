"""manage.py jobs pause, resume and prune."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError
from django.utils import timezone

from django_jobs import Flow, engine, enqueue
from django_jobs.models import Job, Queue, Workflow
from django_jobs.terminal.base import BAD_USE, NOTHING
from tests.rows import make_job, sql
from tests.samples import anything

pytestmark = pytest.mark.django_db


class TestPauseAndResume:
    def test_a_queue_is_paused_and_goes_on(self, jobs):
        assert jobs("pause", "mail") == (0, "The queue 'mail' is paused until somebody resumes it.")
        assert Queue.objects.get(name="mail").paused_at is not None
        assert jobs("resume", "mail") == (0, "The queue 'mail' goes on.")
        assert Queue.objects.get(name="mail").paused_at is None

    def test_a_pause_ends_by_itself(self, data):
        # When
        code, told = data("pause", "mail", "bulk", "--for", "30m")

        # Then
        row = Queue.objects.get(name="bulk")
        assert (code, [one["name"] for one in told["queues"]]) == (0, ["mail", "bulk"])
        assert row.resume_at is not None
        assert row.paused_at is not None
        assert abs(row.resume_at - row.paused_at - timedelta(minutes=30)) < timedelta(seconds=5)

    def test_until_must_be_to_come(self, jobs):
        with pytest.raises(CommandError, match="must be a time to come") as raised:
            jobs("pause", "mail", "--until", "2020-01-01")

        assert raised.value.returncode == BAD_USE
        assert not Queue.objects.exists()

    def test_to_resume_what_goes_on_changes_nothing(self, jobs):
        Queue.objects.create(name="mail")

        assert jobs("resume", "mail") == (NOTHING, "The queue 'mail' was not paused.")

    def test_an_unknown_queue_is_named_with_the_nearest(self, jobs):
        Queue.objects.create(name="mail")

        with pytest.raises(CommandError, match=r"no queue 'mial'\. Did you mean 'mail'") as raised:
            jobs("resume", "mial")
        assert raised.value.returncode == NOTHING


def ended(state="succeeded", days=10, **fields):
    at = timezone.now() - timedelta(days=days)
    return make_job(state, finished_at=at, prune_at=at + timedelta(days=5), **fields)


class TestPrune:
    def test_without_an_age_it_deletes_what_is_past_its_retention(self, jobs):
        # Given
        ended()
        kept = ended(days=1)

        # Then
        assert jobs("prune", "--dry-run") == (0, "1 job would be deleted.")
        assert jobs("prune", "--yes") == (0, "1 deleted.")
        assert list(Job.objects.all()) == [kept]
        assert jobs("prune") == (NOTHING, "0 deleted.")

    def test_an_age_goes_over_the_retention(self, jobs, data):
        # Given
        for _ in range(5):
            ended("failed", days=3)
        kept = [ended("succeeded", days=3), ended("failed", days=1), make_job()]

        # When
        told = data("prune", "--older-than", "2d", "--state", "failed", "--dry-run")
        with pytest.raises(CommandError, match="would delete 5 jobs: add --yes"):
            jobs("prune", "--older-than", "2d", "--state", "failed")
        done = data("prune", "--older-than", "2d", "--state", "failed", "--yes")

        # Then
        assert told == (0, {"would_prune": 5, "capped": False})
        assert done == (0, {"pruned": 5})
        assert sorted(Job.objects.values_list("pk", flat=True)) == [one.pk for one in kept]

    def test_the_batches_go_on_where_they_ended(self):
        for _ in range(5):
            ended(days=3)

        assert engine.prune_older(86_400, using="default", batch=2) == 5

    def test_a_state_needs_an_age(self, jobs):
        with pytest.raises(CommandError, match="--state is for --older-than") as raised:
            jobs("prune", "--state", "failed")
        assert raised.value.returncode == BAD_USE

    def test_a_workflow_goes_as_a_whole_or_not_at_all(self, jobs):
        # Given
        flow = Flow("import").step("one", anything)
        gone, stays = enqueue(flow), enqueue(flow)
        sql(
            "UPDATE django_jobs_job SET state = 'succeeded', unsettled = false, "
            "finished_at = now() - interval '3 days'"
        )
        sql(
            "UPDATE django_jobs_workflow SET state = 'succeeded', steps_left = 0, "
            "prune_at = now() + interval '3 days', "
            "finished_at = now() - CASE WHEN id = %s THEN interval '3 days' ELSE '0' END",
            gone.pk,
        )

        # Then
        assert jobs("prune", "--older-than", "2d", "--dry-run")[1] == "1 job would be deleted."
        assert jobs("prune", "--older-than", "2d", "--yes") == (0, "1 deleted.")
        assert list(Workflow.objects.all()) == [stays]
        assert Job.objects.count() == 1
