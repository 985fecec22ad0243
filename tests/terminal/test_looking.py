"""manage.py jobs stats, top, failures, workflows and schedules: what is going on."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError
from django.core.management.base import OutputWrapper
from django.db import OperationalError
from django.utils import timezone

from django_jobs import Flow, chain, enqueue, failures, figures, group
from django_jobs.models import Job, Period, Queue, Schedule, Worker, Workflow
from django_jobs.terminal.base import BAD_USE, NOTHING
from testproject.ledger.paint import count_cans
from tests.plans import statements_of, ways_into_jobs
from tests.rows import make_job, make_jobs, sql
from tests.samples import anything

pytestmark = pytest.mark.django_db


def finished(state, seconds, **fields):
    return make_job(state, finished_at=timezone.now() - timedelta(seconds=seconds), **fields)


def minute(ago, **ends):
    """Insert what has ended in a minute so long ago."""
    now = timezone.now()
    begins_at = now.replace(second=0, microsecond=0) - timedelta(minutes=ago)
    Period.objects.create(queue="default", span=60, begins_at=begins_at, **ends)


class TestStats:
    def test_it_tells_of_each_queue(self, data):
        # Given
        Queue.objects.create(name="bulk", paused_at=timezone.now())
        make_jobs(3, queue="mail")
        make_job(queue="mail", lane="x", scheduled_at=timezone.now() - timedelta(hours=2))
        make_job("running", queue="mail")
        make_jobs(2, state="scheduled")
        make_job("failed")
        minute(1, succeeded=10, failed=5)
        minute(2, succeeded=20)
        minute(15, succeeded=1000)
        Worker.objects.create(hostname="web1", pid=42, concurrency=5)

        # When
        code, told = data("stats")

        # Then
        bulk, default, mail = told["queues"]
        assert code == 0
        assert (bulk["name"], bulk["paused_at"] is None) == ("bulk", False)
        assert (mail["ready"], mail["running"], mail["capped"]) == (4, 1, [])
        assert 7200 <= mail["oldest_seconds"] < 7300
        assert (default["scheduled"], default["failed"]) == (2, 1)
        # Five minutes, and what has passed of this one.
        assert 30 / 6 <= default["per_minute"]["succeeded"] <= 30 / 5
        assert 5 / 6 <= default["per_minute"]["failed"] <= 5 / 5
        assert [worker["hostname"] for worker in told["workers"]] == ["web1"]

    def test_what_is_blocked_is_found_by_links_and_by_steps(self, data):
        # Given
        enqueue(Flow("f").step("one", anything).step("two", [anything.job] * 2, after="one"))
        waiting, awaited = make_job("blocked", queue="mail"), make_job(queue="mail")
        sql("INSERT INTO django_jobs_link VALUES (%s, %s)", waiting.pk, awaited.pk)

        # When
        _, told = data("stats")

        # Then
        assert {one["name"]: one["blocked"] for one in told["queues"]} == {"default": 2, "mail": 1}

    def test_where_there_are_many_it_says_at_least(self, jobs, monkeypatch):
        # Given
        monkeypatch.setattr(figures, "MOST", 3)
        make_jobs(5, queue="mail")
        make_jobs(5, state="scheduled", queue="mail")

        # When
        _, said = jobs("stats")

        # Then
        assert said.splitlines()[1].split()[:4] == ["mail", "3+", "0", "4+"]

    def test_without_anything_it_says_so(self, jobs):
        assert jobs("stats") == (0, "There are no queues yet.\n\nNo worker is alive.")

    def test_everything_is_read_by_indexes(self):
        # Given
        sql(
            "INSERT INTO django_jobs_job (name, state, finished_at, prune_at, worker_id) "
            "SELECT 'x', 'succeeded', now() - n * interval '1 s', now() + (60 - n) * "
            "interval '1 s', 1 FROM generate_series(1, 50000) AS n"
        )
        sql("ANALYZE django_jobs_job")
        make_jobs(3)

        # When
        found = statements_of(lambda: figures.figures(window=300, using="default"), like="SELECT")

        # Then
        ways = set().union(*map(ways_into_jobs, found))
        assert ways <= {"ready", "running", "scheduled", "failed", "pkey", "step"}


class TestTop:
    def test_where_there_is_no_terminal_it_shows_everything_once(self, jobs):
        # Given
        worker = Worker.objects.create(hostname="web1", pid=42, concurrency=5, queues=["mail"])
        job = make_job("running", worker_id=worker.pk, started_at=timezone.now())

        # When
        code, said = jobs("top")

        # Then
        assert code == 0
        assert "1 worker with 5 places." in said
        assert "web1:42  mail       1       5" in said
        assert f"{job.pk}  tests.samples.anything  default  1/1" in said

    def test_programs_get_running_jobs_beside_the_figures(self, data):
        job = make_job("running")

        _, told = data("top", "--once")

        assert [one["id"] for one in told["running"]] == [job.pk]
        assert {"queues", "workers", "window_seconds"} < set(told)

    def test_of_many_workers_the_first_are_shown_and_the_rest_is_counted(self, jobs):
        for number in range(15):
            Worker.objects.create(hostname=f"web{number:02}", pid=42)

        _, said = jobs("top")

        assert "15 workers" in said
        assert said.count(":42") == 12
        assert "and 3 more" in said.splitlines()

    @pytest.mark.parametrize("given", ["0", "nan", "soon"])
    def test_an_interval_must_be_bearable(self, given, jobs):
        with pytest.raises(CommandError, match=rf"'{given}' is not a number of seconds from 0\.2"):
            jobs("top", "--interval", given)

    def test_an_outage_is_shown_and_the_view_goes_on(self, monkeypatch):
        # Given
        from django_jobs.terminal import statistics
        from django_jobs.terminal.output import Output
        from django_jobs.terminal.top import Top

        def fail(using):
            raise OperationalError("gone\x1b[2J")

        monkeypatch.setattr(statistics, "look", fail)
        monkeypatch.setattr("django_jobs.terminal.top.connections", {"default": Closeable()})

        # Then
        top = Top(Output(OutputWrapper(StringIO()), "text"), "default")
        assert top._look()[2] == "The database says: gone\\x1b[2J"


class Closeable:
    def close(self):
        pass


class TestFailures:
    ERROR = {"exception": "builtins.ValueError", "message": "gone\nfor good", "traceback": ""}

    def test_failed_jobs_are_grouped_by_their_fingerprint(self, data, jobs):
        # Given
        ids = [
            finished("failed", age, fingerprint="ab12", errors=[self.ERROR]).pk
            for age in (4, 3, 2, 1)
        ]
        finished("failed", 9, fingerprint="cd34", queue="mail")
        finished("cancelled", 1, fingerprint="cd34")

        # When
        code, told = data("failures")

        # Then
        first, second = told["groups"]
        assert (code, told["looked_at"]) == (0, 5)
        assert (first["fingerprint"], first["size"], second["size"]) == ("ab12", 4, 1)
        assert first["ids"] == [ids[3], ids[2], ids[1]]
        assert first["names"] == ["tests.samples.anything"]
        assert (first["exception"], first["message"]) == ("builtins.ValueError", "gone")
        assert "ab12: 4 jobs of tests.samples.anything, the last one" in jobs("failures")[1]
        assert [g["size"] for g in data("failures", "--queue", "mail")[1]["groups"]] == [1]

    def test_where_there_are_older_ones_it_says_how_many_were_looked_at(self, jobs, monkeypatch):
        monkeypatch.setattr(failures, "MOST", 2)
        for age in (1, 2, 3):
            finished("failed", age, fingerprint="ab12")

        _, said = jobs("failures")

        assert said.startswith("ab12: 2 jobs of")
        assert said.endswith("Only the newest 2 failed jobs were looked at.")

    def test_no_failure_is_an_exit_code(self, jobs):
        assert jobs("failures") == (NOTHING, "No job has failed.")


class TestWorkflows:
    @pytest.fixture
    def flow(self):
        return enqueue(
            Flow("import")
            .step("read", anything)
            .step("left", anything, after="read")
            .step("right", [anything.job] * 2, after="read")
            .step("join", anything, after=["left", "right"])
        )

    def test_they_are_listed_newest_first_by_the_page(self, data, flow):
        # Given
        second = enqueue(Flow("export").step("one", anything))

        # Then
        code, told = data("workflows", "--limit", 1)
        assert (code, told["next"]) == (0, second.pk)
        code, told = data("workflows", "--after", second.pk)
        assert [(one["id"], one["done"], one["size"]) for one in told["workflows"]] == [
            (flow.pk, 0, 5)
        ]

    def test_one_is_drawn_as_a_tree(self, jobs, flow):
        # When
        code, said = jobs("workflows", flow.pk)

        # Then
        assert code == 0
        assert said.splitlines() == [
            f"import #{flow.pk}: running, 0 of 5 jobs done",
            "└─ read [tests.samples.anything]: running",
            "   ├─ left [tests.samples.anything]: waiting",
            "   └─ right × 2: 0 done [tests.samples.anything]: waiting",  # noqa: RUF001
            "      └─ join [tests.samples.anything]: waiting, after left, right",
        ]

    def test_where_many_steps_meet_before_many_the_join_is_drawn(self, jobs):
        pair = group(*[chain(anything.job, anything.job)] * 2)
        made = enqueue(pair | group(anything.job, anything.job))

        _, said = jobs("workflows", made.pk)

        (join,) = (line for line in said.splitlines() if "(join)" in line)
        assert ": waiting, after " in join

    def test_programs_get_what_each_step_comes_after(self, data, flow):
        _, told = data("workflows", flow.pk)

        assert {step["name"]: step["after"] for step in told["steps"]} == {
            "read": [], "left": ["read"], "right": ["read"], "join": ["left", "right"],
        }  # fmt: skip

    def test_filters_that_find_none_are_an_exit_code(self, jobs, flow):
        assert jobs("workflows", "--state", "failed") == (NOTHING, "No workflow was found.")
        assert jobs("workflows", "--name", "import")[0] == 0
        with pytest.raises(CommandError, match="There is no workflow #4711"):
            jobs("workflows", 4711)
        assert Workflow.objects.count() == 1


class TestSchedules:
    @pytest.fixture
    def nightly(self):
        return Schedule.objects.create(
            name="nightly", function="tests.samples.anything", cron="0 3 * * *"
        )

    def test_they_are_listed(self, jobs, data, nightly):
        assert jobs("schedules")[1].splitlines()[1].split()[:7] == [
            "nightly", "0", "3", "*", "*", "*", "enabled",
        ]  # fmt: skip
        assert data("schedules", "nightly")[1]["schedules"][0]["function"] == nightly.function

    @pytest.mark.parametrize(
        ("fields", "status"),
        [
            ({"is_enabled": False}, "disabled"),
            ({"source": Schedule.Source.WITHDRAWN}, "withdrawn"),
            ({"is_over": True}, "over"),
        ],
    )
    def test_one_that_does_not_tick_says_why_and_has_no_next_tick(
        self, fields, status, jobs, data, nightly
    ):
        Schedule.objects.update(next_tick=timezone.now(), **fields)

        line = jobs("schedules")[1].splitlines()[1]
        assert line.split()[6:9] == [status, "-", "-"]
        assert data("schedules")[1]["schedules"][0]["status"] == status

    def test_they_are_switched_off_and_on(self, jobs, nightly):
        assert jobs("schedules", "nightly", "--disable") == (0, "1 disabled: nightly.")
        assert jobs("schedules", "nightly", "--disable") == (NOTHING, "0 disabled.")
        nightly.refresh_from_db()
        assert nightly.is_enabled is False
        assert jobs("schedules", "nightly", "--enable") == (0, "1 enabled: nightly.")

    def test_one_is_run_at_once(self, jobs, nightly):
        code, said = jobs("schedules", "nightly", "--run")

        job = Job.objects.get()
        assert (code, said, job.schedule_id) == (0, f"1 made: #{job.pk}.", nightly.pk)

    def test_one_whose_unique_key_is_held_makes_no_job(self, jobs):
        Schedule.objects.create(
            name="inventory", function="testproject.ledger.paint.count_cans", cron="0 3 * * *"
        )
        holder = enqueue(count_cans.job)

        assert jobs("schedules", "inventory", "--run") == (
            NOTHING, f"0 made; #{holder.pk} holds the unique key of another.",
        )  # fmt: skip

    def test_what_cannot_be_done_is_told(self, jobs, nightly):
        with pytest.raises(CommandError, match="Name the schedules to run") as raised:
            jobs("schedules", "--run")
        assert raised.value.returncode == BAD_USE
        with pytest.raises(CommandError, match=r"no schedule 'nightle'\. Did you mean 'nightly'"):
            jobs("schedules", "nightle")
        Schedule.objects.update(function="nobody.knows")
        with pytest.raises(CommandError, match="No job was made: No job function is named"):
            jobs("schedules", "nightly", "--run")
