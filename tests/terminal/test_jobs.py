"""manage.py jobs: what it does, what it says, and how it leaves."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError
from django.db import connection

from django_jobs.models import Job, Worker
from django_jobs.terminal.base import NO_DATABASE, NOTHING
from django_jobs.terminal.output import printable
from tests.rows import make_job, make_jobs, state_of

pytestmark = pytest.mark.django_db

ERROR = {
    "attempt": 1,
    "exception": "builtins.ValueError",
    "message": "\x1b[2J gone",
    "traceback": "Traceback:\n  File",
    "worker": "web1:42",
    "started_at": "2026-11-22T08:00:00+00:00",
    "ended_at": "2026-11-22T08:00:01+00:00",
}


class TestCancel:
    def test_by_ids_it_says_what_it_did_and_to_which_it_did_not(self, jobs):
        one, two, over = make_job(), make_job("scheduled"), make_job("failed")

        code, said = jobs("cancel", one.pk, f"#{two.pk}", over.pk)

        assert (code, said) == (0, f"2 cancelled, 1 had already ended (#{over.pk}).")
        assert [state_of(job) for job in (one, two, over)] == ["cancelled", "cancelled", "failed"]

    def test_those_that_run_are_asked_to_stop(self, jobs):
        waiting, running = make_job(), make_job("running")

        _, said = jobs("cancel", waiting.pk, running.pk)

        assert said == "2 cancelled; 1 of them was running and is asked to stop."
        assert state_of(running) == "cancelled"

    def test_with_nothing_to_cancel_the_exit_code_says_so(self, jobs):
        over = make_job("succeeded")

        code, said = jobs("cancel", over.pk)

        assert (code, said) == (NOTHING, f"0 cancelled, 1 had already ended (#{over.pk}).")

    def test_an_unknown_id_stops_it_before_it_has_changed_anything(self, jobs):
        job = make_job()

        with pytest.raises(CommandError, match=r"There is no job #4711: .*Nothing was changed"):
            jobs("cancel", job.pk, 4711)

        assert state_of(job) == "ready"

    def test_filters_find_all_that_have_not_ended(self, jobs):
        wanted = [make_job(queue="mail"), make_job("running", queue="mail")]
        others = [make_job(), make_job("succeeded", queue="mail"), make_job(queue="mail", name="x")]

        code, said = jobs("cancel", "--queue", "mail", "--name", wanted[0].name, "--yes")

        assert (code, said.partition(";")[0]) == (0, "2 cancelled")
        assert {state_of(job) for job in wanted} == {"cancelled"}
        assert "cancelled" not in {state_of(job) for job in others}

    def test_programs_get_json(self, jobs):
        ready, running, over = make_job(), make_job("running"), make_job("failed")

        code, said = jobs("cancel", ready.pk, running.pk, over.pk, "--format", "json")

        assert code == 0
        assert json.loads(said) == {
            "cancelled": [ready.pk, running.pk],
            "left": [{"id": over.pk, "reason": "had already ended"}],
            "asked_to_stop": [running.pk],
        }

    def test_many_are_cancelled_by_the_batch(self, jobs, monkeypatch):
        monkeypatch.setattr("django_jobs.terminal.steering.BATCH", 2)
        make_jobs(5)

        assert jobs("cancel", "--queue", "default", "--yes") == (0, "5 cancelled.")


class TestConfirming:
    def test_without_a_terminal_filters_need_a_yes(self, jobs):
        make_jobs(3)

        with pytest.raises(CommandError, match="This would cancel 3 jobs: add --yes"):
            jobs("cancel", "--state", "ready")

        assert Job.objects.ready().count() == 3

    def test_at_a_terminal_it_asks(self, jobs, terminal):
        make_jobs(3)

        terminal("n")
        with pytest.raises(CommandError, match="Nothing was changed"):
            jobs("cancel", "--state", "ready")
        terminal("Y")

        assert jobs("cancel", "--state", "ready") == (0, "3 cancelled.")

    def test_where_nobody_answers_nothing_is_changed(self, jobs, monkeypatch):
        # Given
        make_job()
        terminal = StringIO()
        monkeypatch.setattr(terminal, "isatty", lambda: True)
        monkeypatch.setattr(sys, "stdin", terminal)

        # Then
        with pytest.raises(CommandError, match="Nothing was changed"):
            jobs("cancel", "--state", "ready")
        assert Job.objects.ready().count() == 1

    def test_what_finds_nothing_needs_no_yes(self, jobs):
        assert jobs("cancel", "--queue", "mail") == (NOTHING, "0 cancelled.")


class TestRetry:
    def test_by_ids_it_says_why_others_were_left(self, jobs):
        failed, cancelled = make_job("failed"), make_job("cancelled")
        ready, good = make_job(), make_job("succeeded")
        make_job(unique_key="k")
        barred = make_job("failed", unique_key="k")

        code, said = jobs("retry", *(j.pk for j in (failed, cancelled, ready, good, barred)))

        assert code == 0
        assert said == (
            f"2 retried, 1 had not ended (#{ready.pk}), 1 had succeeded (#{good.pk}), "
            f"1 left, since another job holds its unique key (#{barred.pk})."
        )
        assert (state_of(failed), state_of(barred)) == ("ready", "failed")

    def test_filters_find_failed_jobs_and_cancelled_ones_if_told_to(self, jobs):
        failed, cancelled = make_job("failed"), make_job("cancelled")

        assert jobs("retry", "--queue", "default", "--yes") == (0, "1 retried.")
        assert (state_of(failed), state_of(cancelled)) == ("ready", "cancelled")

        assert jobs("retry", "--state", "cancelled", "--yes") == (0, "1 retried.")
        assert state_of(cancelled) == "ready"


class TestExplain:
    def test_it_prints_the_explanation(self, jobs):
        job = make_job()

        code, said = jobs("explain", job.pk)

        assert code == 0
        assert said.startswith(f"tests.samples.anything #{job.pk}: It is ready, and will not run")
        assert "- No worker is alive" in said

    def test_programs_get_codes(self, jobs):
        _, said = jobs("explain", make_job().pk, "--format", "json")

        assert [reason["code"] for reason in json.loads(said)["reasons"]] == ["no_worker"]

    def test_an_unknown_job_is_an_error(self, jobs):
        with pytest.raises(CommandError, match="There is no job #4711"):
            jobs("explain", 4711)


class TestShow:
    def test_it_prints_all_fields_with_errors_log_and_progress(self, jobs):
        worker = Worker.objects.create(hostname="web1", pid=42)
        job = make_job(
            "running",
            worker_id=worker.pk,
            kwargs={"ä": [1]},
            errors=[ERROR],
            progress={"done": 1, "total": 4, "message": "reading"},
            log=[{"attempt": 1, "at": "2026-11-22T08:00:00.000+00:00", "message": "opened"}],
            fingerprint="ab12",
            timeout=timedelta(minutes=90),
        )

        code, said = jobs("show", job.pk)

        assert code == 0
        lines = said.splitlines()
        assert lines[0].split() == ["id:", str(job.pk)]
        assert 'kwargs:          {"ä": [1]}' in lines
        assert "progress:        1 of 4 (25 %), reading" in lines
        assert "fingerprint:     ab12" in lines
        assert "timeout:         1 h 30 min" in lines
        assert "Attempt 1: builtins.ValueError: \\x1b[2J gone" in lines
        assert "      File" in lines
        assert "    2026-11-22T08:00:00.000+00:00 attempt 1: opened" in lines

    def test_programs_get_every_column(self, jobs):
        job = make_job("failed", errors=[ERROR])

        _, said = jobs("show", job.pk, "--format", "json")

        shown = json.loads(said)
        assert set(shown) == {field.attname for field in Job._meta.concrete_fields}
        assert shown["errors"] == [ERROR]

    def test_an_unknown_job_is_an_error(self, jobs):
        with pytest.raises(CommandError, match="There is no job #4711"):
            jobs("show", 4711)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["cancel"], "Say which jobs to cancel: by their ids, or by --queue"),
        (["retry", "3", "--queue", "mail"], "Give ids, or filters, and not both"),
        (["cancel", "mail"], "'mail' is not the id of a job"),
        (["show", str(2**63)], "is not the id of a job"),
        (["show", "0"], "is not the id of a job"),
        (["cancel", "--state", "failed"], "invalid choice: 'failed'"),
        (["cancel", "3", "--database", "replica"], "no database 'replica' in DATABASES"),
        ([], "required: SUBCOMMAND"),
    ],
)
def test_what_makes_no_sense_is_named(words, complaint, jobs):
    with pytest.raises(CommandError, match=complaint):
        jobs(*words)


def test_what_the_database_refuses_is_told_without_a_traceback(jobs):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE django_jobs_job RENAME TO elsewhere")

    with pytest.raises(CommandError, match="The database says: relation") as raised:
        jobs("show", 3)
    assert raised.value.returncode == NO_DATABASE


def test_wrong_settings_are_named(jobs, settings):
    job = make_job()
    settings.DJANGO_JOBS = {"CONCURENCY": 3}

    with pytest.raises(CommandError, match="Did you mean 'CONCURRENCY'"):
        jobs("cancel", job.pk)


def test_what_a_job_says_cannot_steer_a_terminal():
    assert printable("a\tä\n\x1b[31m\r\x9b\u202e") == "a\tä\n\\x1b[31m\\r\\x9b\\u202e"
