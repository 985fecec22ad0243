"""manage.py jobs list, and the filters that retry and cancel share with it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_jobs import finding
from django_jobs.finding import Criteria
from django_jobs.models import Job, Schedule
from django_jobs.terminal.base import BAD_USE, NOTHING
from tests.plans import statements_of, ways_into_jobs
from tests.rows import make_job, make_jobs, sql, state_of

pytestmark = pytest.mark.django_db


def listed(answer):
    return [job["id"] for job in answer[1]["jobs"]]


class TestList:
    def test_the_newest_stand_first(self, jobs):
        # Given
        old, new = make_job("failed", queue="mail"), make_job(unique_key="k")

        # When
        code, said = jobs("list")

        # Then
        lines = said.splitlines()
        assert code == 0
        assert lines[0].split()[:4] == ["ID", "STATE", "QUEUE", "FUNCTION"]
        assert lines[1].split()[:3] == [str(new.pk), "ready", "default"]
        assert lines[2].split()[:3] == [str(old.pk), "failed", "mail"]

    def test_pages_go_on_after_an_id_and_the_last_says_so(self, data, jobs):
        # Given
        ids = [job.pk for job in reversed(make_jobs(5))]

        # When
        first = data("list", "--limit", 3)
        second = data("list", "--limit", 3, "--after", first[1]["next"])

        # Then
        assert (listed(first), first[1]["next"]) == (ids[:3], ids[2])
        assert (listed(second), second[1]["next"]) == (ids[3:], None)
        assert f"add --after {ids[2]}" in jobs("list", "--limit", 3)[1]

    def test_nothing_found_is_an_exit_code(self, jobs):
        assert jobs("list", "--queue", "mail") == (NOTHING, "No job was found.")

    def test_it_counts_nothing(self, data):
        # Given
        make_jobs(3)

        # When
        with CaptureQueriesContext(connection) as queries:
            data("list", "--state", "ready")

        # Then
        assert not any("COUNT(" in query["sql"].upper() for query in queries)
        assert len(queries) == 1

    @pytest.mark.parametrize(
        ("flags", "field"),
        [
            (["--state", "failed", "--state", "cancelled"], {"state": "failed"}),
            (["--queue", "mail"], {"queue": "mail"}),
            (["--name", "shop.x"], {"name": "shop.x"}),
            (["--unique-key", "k"], {"unique_key": "k"}),
            (["--key", "k"], {"unique_key": "k"}),
            (["--concurrency-key", "t1"], {"concurrency_key": "t1"}),
            (["--fingerprint", "ab12"], {"fingerprint": "ab12"}),
        ],
    )
    def test_each_filter_finds_what_it_says(self, flags, field, data):
        # Given
        make_job()
        wanted = make_job(field.pop("state", "ready"), **field)

        # When
        answer = data("list", *flags)

        # Then
        assert listed(answer) == [wanted.pk]

    def test_times_are_told_or_counted_back(self, data):
        # Given
        now = timezone.now()
        old = make_job(enqueued_at=now - timedelta(hours=5))
        new = make_job(enqueued_at=now - timedelta(minutes=5))

        # Then
        assert listed(data("list", "--since", "1h")) == [new.pk]
        assert listed(data("list", "--until", "1h")) == [old.pk]
        day = f"{now - timedelta(days=2):%Y-%m-%d}"
        assert listed(data("list", "--since", day, "--until", "1h")) == [old.pk]

    def test_a_schedule_is_named_and_must_be_there(self, data, jobs):
        # Given
        schedule = Schedule.objects.create(name="nightly", function="x", cron="@daily")
        make_job()
        made = make_job(schedule=schedule)

        # Then
        assert listed(data("list", "--schedule", "nightly")) == [made.pk]
        with pytest.raises(CommandError, match="There is no schedule 'nightle'") as raised:
            jobs("list", "--schedule", "nightle")
        assert raised.value.returncode == NOTHING


class TestFiltersOfVerbs:
    def test_retry_by_fingerprint_takes_the_failed_ones_of_that_group(self, jobs):
        # Given
        wanted = make_job("failed", fingerprint="ab12")
        other = make_job("failed", fingerprint="cd34")

        # When
        code, said = jobs("retry", "--fingerprint", "ab12", "--yes")

        # Then
        assert (code, said) == (0, "1 retried.")
        assert (state_of(wanted), state_of(other)) == ("ready", "failed")

    def test_cancel_by_key_and_time_says_how_many_it_would_be(self, jobs):
        # Given
        make_jobs(3, concurrency_key="t1")
        make_job(concurrency_key="t2")

        # Then
        with pytest.raises(CommandError, match="would cancel 3 jobs: add --yes") as raised:
            jobs("cancel", "--concurrency-key", "t1", "--since", "1h")
        assert raised.value.returncode == BAD_USE
        assert jobs("cancel", "--concurrency-key", "t1", "--yes") == (0, "3 cancelled.")

    def test_ids_are_collected_batch_by_batch(self, monkeypatch):
        # Given
        monkeypatch.setattr(finding, "BATCH", 2)
        wanted = [job.pk for job in make_jobs(5)]

        # Then
        assert finding.ids(Criteria(states=("ready",)), using="default") == wanted


class TestPlans:
    @pytest.fixture
    def history(self):
        sql(
            "INSERT INTO django_jobs_job (name, state, finished_at, prune_at, worker_id) "
            "SELECT 'x', 'succeeded', now(), now(), 1 FROM generate_series(1, 50000)"
        )
        schedule = Schedule.objects.create(name="nightly", function="x", cron="@daily")
        make_jobs(20, state="failed", schedule=schedule)
        sql("ANALYZE django_jobs_job")

    @pytest.mark.parametrize(
        ("criteria", "ways"),
        [
            (Criteria(), {"pkey"}),
            (Criteria(states=("failed",)), {"failed"}),
            (Criteria(states=("ready",)), {"ready"}),
            (Criteria(schedule="nightly"), {"schedule"}),
        ],
    )
    def test_a_page_is_read_by_an_index(self, criteria, ways, history):
        # When
        found = statements_of(
            lambda: finding.page(criteria, limit=20, using="default"), like="LIMIT 21"
        )

        # Then
        assert ways_into_jobs(found[0]) <= ways

    def test_a_page_has_no_more_rows_than_it_shows(self, history):
        rows, are_more = finding.page(Criteria(), limit=7, using="default")

        assert (len(rows), are_more) == (7, True)
        assert Job.objects.latest("pk").pk == rows[0]["id"]
