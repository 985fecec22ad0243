"""What happened in the queues: counted by workers, kept by the minute, rolled up, and read."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from django.db import OperationalError
from django.utils import timezone

from django_jobs import engine, history
from django_jobs.chronicle import Chronicle
from django_jobs.engine import history as written
from django_jobs.histogram import PLACES, longest_in, place_of, quantile
from django_jobs.models import Job, Period
from django_jobs.orders import WorkerOptions
from django_jobs.outcomes import Cancelled, Expired, Failed, Snoozed, Succeeded
from django_jobs.services import Historian, Rescuer
from django_jobs.worker.worker import Worker
from testproject.ledger import jobs
from tests.plans import statements_of, ways_into, ways_into_jobs
from tests.rows import FAULT, RETENTION, ended, held, make_job, make_jobs, sql
from tests.threads import wait_until

pytestmark = pytest.mark.django_db

PERIOD = Period._meta.db_table


def run_of(queue="mail", outcome=None, *, waited=1.0, ran=0.25):
    """Return a run that has ended, of a job that was due so long before it began."""
    now = time.monotonic()
    job = held(make_job("running"))._replace(queue=queue, due=now - ran - waited)
    return ended(job, outcome, elapsed=ran, ended=now)


def tallied(*runs):
    chronicle = Chronicle()
    chronicle.count(runs)
    return chronicle.take()


def past(seconds, *, queue="mail", span=60, **fields):
    """Insert a period of some time ago."""
    at = timezone.now() - timedelta(seconds=seconds)
    begins_at = at - timedelta(seconds=at.timestamp() % span)
    return Period.objects.create(queue=queue, span=span, begins_at=begins_at, **fields)


class TestHistogram:
    def test_a_duration_is_counted_where_it_fits(self):
        for seconds in (0.0, 0.0005, 0.001, 0.0011, 0.3, 59.0, 86_400.0):
            place = place_of(seconds)
            assert seconds <= longest_in(place)
            assert place == 0 or seconds > longest_in(place - 1)

    def test_what_runs_for_ever_is_in_the_last_place(self):
        assert place_of(1e12) == PLACES - 1

    def test_a_quantile_is_right_to_a_fifth(self):
        # Given durations from 1 to 1000 seconds
        counts = [0] * PLACES
        for seconds in range(1, 1001):
            counts[place_of(seconds)] += 1
        # Then the quantiles are about where they should be
        assert quantile(counts, 0.5) == pytest.approx(500, rel=0.2)
        assert quantile(counts, 0.95) == pytest.approx(950, rel=0.2)

    def test_nothing_has_no_quantile(self):
        assert quantile([], 0.5) is None


class TestChronicle:
    def test_ends_are_counted_by_queue_and_outcome(self):
        # When
        mail = [
            run_of(outcome=outcome)
            for outcome in (
                Succeeded(), Succeeded(), Failed(FAULT), Failed(FAULT, delay=1.0),
                Cancelled("no"), Snoozed(5.0), Expired(),
            )
        ]  # fmt: skip
        tallies = tallied(*mail, run_of("bulk"))

        # Then what goes on later is not counted, and what never began has not run
        assert tallies["mail"].ends == [2, 1, 2, 1]
        assert (sum(tallies["mail"].runs), sum(tallies["mail"].waits)) == (5, 5)
        assert tallies["bulk"].ends == [1, 0, 0, 0]

    def test_what_could_not_be_written_is_counted_again(self):
        chronicle = Chronicle()
        chronicle.count([run_of()])
        taken = chronicle.take()
        chronicle.count([run_of()])

        chronicle.put_back(taken)

        assert chronicle.take()["mail"].ends[0] == 2
        assert not chronicle


@pytest.fixture
def in_one_minute():
    """Begin where a minute has some seconds left: what belongs to one is written to one."""
    wait_until(lambda: timezone.now().second < 55)


@pytest.mark.usefixtures("in_one_minute")
class TestWriting:
    def test_two_workers_add_to_the_same_minute(self):
        # When
        engine.write_history(tallied(run_of(waited=1.0), run_of("bulk")), using="default")
        engine.write_history(tallied(run_of(waited=60.0)), using="default")

        # Then
        (mail,) = history.totals(["mail"], seconds=3600, using="default").values()
        assert (mail.succeeded, sum(mail.waits), sum(mail.runs)) == (2, 2, 2)
        assert quantile(mail.waits, 1.0) == pytest.approx(60, rel=0.2)
        everything = history.series(seconds=3600, step=60, using="default")
        assert sum(slot.succeeded for slot in everything) == 3

    def test_of_the_backlog_one_takes_a_sample_in_a_minute(self):
        # Given
        make_jobs(3, queue="mail", scheduled_at=timezone.now() - timedelta(minutes=5))
        make_job(queue="bulk")
        engine.write_history(tallied(run_of()), using="default")

        # When
        first, second = engine.sample(using="default"), engine.sample(using="default")

        # Then
        assert (first, second) == (True, False)
        sampled = dict(Period.objects.values_list("queue", "ready"))
        assert sampled == {"": 4, "mail": 3, "bulk": 1}
        assert Period.objects.get(queue="").oldest == pytest.approx(300, abs=10)

    def test_old_periods_are_put_together_and_nothing_is_lost(self):
        # Given minutes of four hours ago, and one of now
        for minute in range(0, 20, 2):
            past(4 * 3600 + minute * 60, succeeded=2, waits=[0, 1], runs=[1] * minute, ready=minute)
        past(0, succeeded=1)
        before = history.totals(["mail"], seconds=86_400, using="default")["mail"]

        # When
        rolled = engine.roll_up(using="default")

        # Then
        assert rolled == 10
        spans = [*Period.objects.order_by("-span").values_list("span", flat=True)]
        assert spans in ([600, 600, 60], [600, 600, 600, 60])
        assert history.totals(["mail"], seconds=86_400, using="default")["mail"] == before

    def test_what_is_late_is_added_to_what_was_put_together(self):
        for _ in range(2):
            Period.objects.filter(span=60).delete()
            past(4 * 3600, succeeded=1, waits=[1], runs=[0, 0, 1])
            engine.roll_up(using="default")
        (period,) = Period.objects.all()
        assert (period.span, period.succeeded, period.waits, period.runs) == (
            600, 2, [2], [0, 0, 2],
        )  # fmt: skip

    def test_after_half_a_year_it_is_forgotten(self):
        past(200 * 86_400, span=3600)
        kept = past(100 * 86_400, span=3600)
        engine.roll_up(using="default")
        assert [*Period.objects.all()] == [kept]

    def test_it_is_forgotten_in_batches(self, monkeypatch):
        monkeypatch.setattr(written, "BATCH", 2)
        for days in range(200, 205):
            past(days * 86_400, span=3600)
        engine.roll_up(using="default")
        assert not Period.objects.exists()

    def test_many_minutes_are_put_together_in_batches(self, monkeypatch):
        monkeypatch.setattr(written, "BATCH", 2)
        for hours in range(4, 9):
            past(hours * 3600, succeeded=1)
        assert engine.roll_up(using="default") == 5
        assert history.totals(["mail"], seconds=86_400, using="default")["mail"].succeeded == 5


class TestReading:
    def test_a_series_has_no_gaps_and_ends_now(self):
        past(0, queue="", succeeded=3)
        past(30 * 60, queue="", failed=2)
        found = history.series(seconds=3600, step=60, using="default")
        assert len(found) == 60
        assert found[-1].succeeded + found[-2].succeeded == 3
        assert sum(slot.failed for slot in found) == 2
        keys = [slot.key for slot in found if isinstance(slot.key, datetime)]
        assert {b - a for a, b in pairwise(keys)} == {timedelta(minutes=1)}

    def test_rates_are_of_the_last_minutes_only(self):
        past(0, succeeded=10)
        past(3600, succeeded=1000)
        past(0, queue="", succeeded=1000)
        found = history.rates(seconds=300, using="default")
        assert set(found) == {"mail"}
        assert 10 / 6 <= found["mail"]["succeeded"] <= 10 / 5

    def test_a_series_is_read_by_an_index_whatever_the_number_of_queues(self):
        # Given half a year of 50 queues
        sql(
            f"INSERT INTO {PERIOD} (queue, span, begins_at, waits, runs) "
            "SELECT 'q' || q, 3600, now() - n * interval '1 h', '{}', '{}' "
            "FROM generate_series(1, 50) AS q, generate_series(1, 4000) AS n"
        )
        sql(f"ANALYZE {PERIOD}")

        # When
        found = [
            *statements_of(
                lambda: history.series(seconds=604_800, step=3600, using="default"), like="found AS"
            ),
            *statements_of(
                lambda: history.totals(["q1", "q2"], seconds=3600, using="default"),
                like="found AS",
            ),
            *statements_of(lambda: history.rates(seconds=300, using="default"), like="window_of"),
            *statements_of(lambda: engine.roll_up(using="default"), like="FOR UPDATE SKIP LOCKED"),
        ]

        # Then
        ways = set().union(*(ways_into(statement, PERIOD) for statement in found))
        assert ways <= {"one", "span", "pkey"}

    def test_a_backlog_is_read_by_the_index_of_what_is_ready(self):
        sql(
            "INSERT INTO django_jobs_job (name, queue, priority) "
            "SELECT 'x', 'q' || n % 50, n % 3 FROM generate_series(1, 50000) AS n"
        )
        sql("ANALYZE django_jobs_job")
        (found,) = statements_of(lambda: engine.sample(using="default"), like="heads AS")
        assert ways_into_jobs(found) == {"ready"}


class TestServices:
    def test_what_cannot_be_written_waits_for_the_next_time(self, monkeypatch):
        # Given
        chronicle = Chronicle()
        chronicle.count([run_of()])
        historian = Historian(chronicle, "default")

        def fail(*args, **kwargs):
            raise OperationalError("away")

        # When
        with monkeypatch.context() as patch:
            patch.setattr(engine, "write_history", fail)
            with pytest.raises(OperationalError):
                historian.run_once()
        historian.run_once()

        # Then
        assert history.totals(["mail"], seconds=60, using="default")["mail"].succeeded == 1

    def test_a_job_that_dies_with_its_worker_is_counted(self):
        # Given
        make_job("running", worker_id=99, started_at=timezone.now())
        chronicle = Chronicle()
        rescuer = Rescuer(
            1.0, "default", timeout=1.0, retention=RETENTION, wake=lambda: None,
            chronicle=chronicle,
        )  # fmt: skip
        # When
        rescuer.run_once()
        # Then
        assert chronicle.take()["default"].ends == [0, 1, 0, 0]


@pytest.mark.django_db(transaction=True)
def test_a_worker_leaves_its_history_when_it_stops():
    # Given jobs that were due ten seconds ago
    due = timezone.now() - timedelta(seconds=10)
    jobs.nothing.enqueue()
    jobs.fail.enqueue("no")
    Job.objects.update(scheduled_at=due)

    # When a worker runs them, and stops
    Worker(WorkerOptions(burst=True)).run()

    # Then
    (default,) = history.totals(["default"], seconds=3600, using="default").values()
    assert (default.succeeded, default.failed) == (1, 1)
    assert quantile(default.waits, 0.5) == pytest.approx(10, rel=0.25)
    assert 0 < (quantile(default.runs, 0.95) or 0) < 1
