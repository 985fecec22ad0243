"""How the database runs the engine's statements, however large the table and old its statistics."""

from __future__ import annotations

from functools import partial

import pytest
from django.db import connection, transaction
from django.utils import timezone

from django_jobs import Flow, engine, group, stats
from django_jobs.engine import lanes
from django_jobs.limits import Allowance, Limit
from django_jobs.models import Job, Schedule, Worker
from django_jobs.outcomes import Claimed
from django_jobs.rates import Rate
from testproject.ledger.jobs import nothing
from tests.plans import (
    TABLE,
    old_statistics,
    rows_handled,
    rows_touched,
    statements_of,
    ways_into_jobs,
)
from tests.rows import FAILED, RETENTION, claim, ended, finish, sql

MILLION = 1_000_000

#: Rows by the hundred thousand: state, and what goes with it. ``n`` is the number of the row.
_FILL = """
INSERT INTO {table} (queue, name, state, {columns})
SELECT {queue}, 'x', {state}, {values} FROM generate_series(1, {count}) AS n
"""


def fill(state, count, *, queue="'default'", **columns):
    values = columns or {"priority": "0"}
    sql(
        _FILL.format(
            table=TABLE,
            queue=queue,
            state=f"'{state}'",
            count=count,
            columns=", ".join(values),
            values=", ".join(values.values()),
        )
    )


def finished(count):
    fill(
        "succeeded", count, finished_at="now()", prune_at="now() + n * interval '1 second'",
        worker_id="n % 50", claims="1", attempts="1",
    )  # fmt: skip


def running(count, worker, **columns):
    fill(
        "running", count, worker_id=str(worker), claims="1", attempts="1", started_at="now()",
        **columns,
    )  # fmt: skip


def scheduled(count):
    fill("scheduled", count, priority="100", scheduled_at="now() + n * interval '1 second'")


#: Limits of every kind; in the lane "full" a hundred jobs run.
LIMITED = Allowance(
    {
        "full": Limit(max_running=100, max_running_per_host=100),
        "open": Limit(max_running=10**6, is_keyed=True, rate=Rate(10**6, 1.0)),
        "ordered": Limit(is_ordered=True),
    },
    host="here",
    budget=10**6,
)


def claim_limited(limit=500, *, allowance=LIMITED):
    return engine.claim(1, (), limit, starting=True, allowance=allowance, using="default")


def register(count):
    """Register workers on a host, and return their ids."""
    return [
        engine.register(
            hostname="here", pid=1, queues=(), concurrency=10, version="", using="default"
        )
        for _ in range(count)
    ]


def batch_of(worker, count):
    rows = Job.objects.running().filter(worker_id=worker).order_by("id")[:count]
    keys = rows.values_list("id", flat=True)
    return [Claimed(key, 1, "x", "[]", "{}", 1, 1, None, 0) for key in keys]


def fire_without_overlap():
    """Fire a schedule whose last job may be in the way."""
    Schedule.objects.create(
        name="one", function="tests.samples.anything", cron="* * * * *", overlap="skip",
        next_tick=timezone.now(), last_job=Job.objects.first(),
    )  # fmt: skip
    engine.fire(using="default")


def verbs(batch):
    """Return each verb, how its statement is known, and the only ways it may take."""
    ids = [job.id for job in batch]
    both = {"ready", "pkey"}
    return {
        "claim": (partial(claim, 1, 500, ["mail"]), "WITH picked", both),
        "small claim": (partial(claim, 1, 1), "WITH picked", both),
        "peek": (partial(claim, 1, 1), "heads AS (", {"ready"}),
        "limited claim": (claim_limited, "WITH take", both),
        "peek at lanes": (claim_limited, "heads AS (", {"ready"}),
        "count permits": (claim_limited, "AS of_them_here", {"lane", "running"}),
        "look for what is held": (claim_limited, "claims > 0", {"held"}),
        "move into lanes": (
            lambda: lanes.move_into_lanes(("default", "", ""), LIMITED.limits, using="default"),
            "WITH picked",
            both,
        ),
        "units on a host": (
            lambda: stats.units_on_host("here", using="default"), "sum(units)", {"running"}
        ),
        "running in a lane": (
            lambda: stats.running_in_lane("full", using="default"),
            "AS of_them_here",
            # Both hold running jobs only: while few run, the sample decides which is read.
            {"lane", "running"},
        ),
        "count ready": (
            lambda: stats.count("ready", limit=1000, using="default"), "AS found", {"ready"}
        ),
        "count ready of a queue": (
            lambda: stats.count("ready", queues=["mail"], limit=1000, using="default"),
            "AS found",
            {"ready"},
        ),
        "succeed": (lambda: finish(*map(ended, batch)), "UPDATE", {"pkey"}),
        "fail": (lambda: finish(*(ended(job, FAILED) for job in batch)), "UPDATE", {"pkey"}),
        "report the lost": (
            lambda: finish(*(ended(job._replace(claims=9)) for job in batch)),
            "SELECT id FROM",
            {"pkey"},
        ),
        "mark started": (
            lambda: engine.mark_started([(key, 1, 1.0) for key in ids], using="default"),
            "UPDATE",
            {"pkey"},
        ),
        "release": (lambda: engine.release(batch, using="default"), "UPDATE", {"pkey"}),
        "disown": (lambda: engine.disown(77, ids, using="default"), "UPDATE", {"running", "pkey"}),
        "rescue": (
            lambda: engine.rescue(
                [77], reason="killed", retention=RETENTION, using="default"
            ),
            "WITH taken",
            {"running", "pkey"},
        ),
        "find the vanished": (
            lambda: engine.rescue_dead(timeout=30, retention=RETENTION, using="default"),
            "WITH RECURSIVE owners",
            {"running"},
        ),
        "expire": (
            lambda: engine.expire(retention=60, using="default"), "WITH old", {"expires", "pkey"}
        ),
        "age": (
            lambda: engine.age(after=60, up_to=5, using="default"),
            "aged_at",
            {"ready", "pkey", "Seq Scan"},
        ),
        "are last jobs live": (fire_without_overlap, "ANY('", {"pkey"}),
        "promote": (lambda: engine.promote(using="default"), "WITH due", {"scheduled", "pkey"}),
        "prune": (lambda: engine.prune(using="default"), "WITH old", {"finished", "pkey"}),
        "cancel": (
            lambda: engine.cancel(ids, retention=60, using="default"), "WITH taken", {"pkey"}
        ),
        "expedite": (lambda: engine.expedite(ids, using="default"), "WITH taken", {"pkey"}),
        "reprioritize": (
            lambda: engine.reprioritize(ids, 7, using="default"), "WITH taken", {"pkey"}
        ),
        "retry": (
            lambda: engine.retry(ids, using="default"), "WITH taken", {"pkey", "unique_key"}
        ),
    }  # fmt: skip


def check_all(subtests, batch, *, but=()):
    for name, (verb, like, allowed) in verbs(batch).items():
        if name in but:
            continue
        with subtests.test(name):
            for statement in statements_of(verb, like=like):
                assert ways_into_jobs(statement) <= allowed
    assert batch


@pytest.fixture
def no_autovacuum(transactional_db):
    """Keep the statistics as old as the test makes them."""
    with old_statistics(TABLE):
        yield


@pytest.mark.usefixtures("no_autovacuum")
class TestPlans:
    def test_a_million_finished_jobs_cost_nothing(self, subtests):
        # Statistics of an empty table first, then those of the full one.
        sql(f"ANALYZE {TABLE}")
        finished(MILLION)
        fill("ready", 100_000, priority="n % 3")
        scheduled(100_000)
        fill("ready", 1_000, queue="'mail'", priority="n % 3")
        running(500, worker=77)
        batch = batch_of(77, 500)

        check_all(subtests, batch)
        sql(f"ANALYZE {TABLE}")
        check_all(subtests, batch)

        [peek] = statements_of(claim, like="heads AS (")
        assert rows_touched(peek) <= 4  # two for each queue
        [picked] = statements_of(partial(claim, 1, 50, ["mail"]), like="WITH picked")
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            assert rows_touched(picked) <= 100
            cursor.execute("ROLLBACK")

    def test_statistics_of_another_hour_mislead_nobody(self, subtests):
        # Everything was ready when the table was analysed; most of it is running or over by now.
        fill("ready", 30_000)
        sql(f"ANALYZE {TABLE}")
        sql(
            f"UPDATE {TABLE} SET state = 'succeeded', finished_at = now(), prune_at = now() "
            f"+ interval '1 hour'"
        )
        running(20_000, worker=77)
        fill("ready", 20_000, queue="'mail'")

        check_all(subtests, batch_of(77, 500))

    def test_statistics_of_no_running_jobs_mislead_nobody(self, subtests):
        finished(30_000)
        sql(f"ANALYZE {TABLE}")
        running(2_000, worker=77)
        fill("ready", 20_000, queue="'mail'")
        scheduled(5_000)

        check_all(subtests, batch_of(77, 500))

    def test_statistics_of_an_emptied_table_mislead_nobody(self, subtests):
        # All jobs were deleted, as prune may, when the table was analysed: for the planner it has
        # one row from then on, and a scan of all of it costs as much as a look into an index.
        fill("ready", 2_000)
        sql(f"DELETE FROM {TABLE}")
        sql(f"ANALYZE {TABLE}")
        finished(100_000)
        fill("ready", 50_000, queue="'mail'")
        running(500, worker=77)
        batch = batch_of(77, 500)

        for name, (verb, like, _) in verbs(batch).items():
            if name == "age":
                continue  # it is for all that is ready
            with subtests.test(name):
                for statement in statements_of(verb, like=like):
                    assert rows_handled(statement) < 20 * len(batch)


@pytest.mark.usefixtures("no_autovacuum")
class TestLanes:
    """Jobs at their limit cost the others nothing, however many they are."""

    @pytest.fixture
    def a_million_at_their_limit(self, no_autovacuum):
        # In front of all others; and the statistics are those of an empty table.
        sql(f"ANALYZE {TABLE}")
        # Not the first one, as whom others claim here: what they take back stays in the index.
        worker = register(2)[1]
        fill("ready", MILLION, priority="100", lane="'full'")
        fill("ready", 1_000, priority="n % 3")
        fill("ready", 1_000, priority="50", lane="'open'", queue="'mail'")
        running(100, worker, lane="'full'")
        finished(100_000)
        yield
        Worker.objects.all().delete()

    @pytest.mark.usefixtures("a_million_at_their_limit")
    def test_a_million_jobs_at_their_limit_slow_nobody(self, subtests):
        running(500, worker=77)
        batch = batch_of(77, 500)

        check_all(subtests, batch)
        self.check_rows(subtests)
        sql(f"ANALYZE {TABLE}")
        check_all(subtests, batch)
        self.check_rows(subtests)

    def check_rows(self, subtests):
        with transaction.atomic():
            claimed = claim_limited(50)
            transaction.set_rollback(True)
        assert {job.priority for job in claimed} == {50}
        for like, most in [
            ("heads AS (", 1_000),
            # All that runs, 600 jobs, if the planner likes: in two or three steps.
            ("AS of_them_here", 2_000),
            ("WITH take", 500),
        ]:
            with subtests.test(like):
                for statement in statements_of(partial(claim_limited, 50), like=like):
                    assert rows_handled(statement) <= most


@pytest.mark.volume
@pytest.mark.usefixtures("no_autovacuum")
class TestSteps:
    """What the engine does about workflows costs what the workflow costs, not what the table."""

    @pytest.mark.parametrize("analyzed", ["empty", "full"])
    def test_a_million_finished_jobs_cost_a_workflow_nothing(self, analyzed, subtests):
        # Given a workflow among many jobs that have ended, and statistics that do not know them
        sql(f"ANALYZE {TABLE}")
        finished(MILLION)
        fill("failed", 100_000, finished_at="now()", prune_at="now() + interval '1 hour'")
        group_of = group(*[nothing.job] * 500)
        flow = Flow("x").step("a", group_of).step("b", group_of, after="a")
        workflow = flow.step("c", group_of, after="b").enqueue()
        sql(f"UPDATE {TABLE} SET priority = 1000 WHERE step_id IS NOT NULL")
        if analyzed == "full":
            sql(f"ANALYZE {TABLE}")
        settle = partial(engine.settle, retention=RETENTION, using="default")

        def end(bad=0):
            jobs = claim(limit=500)
            sql(
                f"UPDATE {TABLE} SET state = 'succeeded', finished_at = now() "
                f"WHERE id = ANY(%s)", [job.id for job in jobs],
            )  # fmt: skip
            sql(
                f"UPDATE {TABLE} SET state = 'failed' WHERE id = ANY(%s)",
                [job.id for job in jobs[:bad]],
            )

        # When ends are told, and steps opened or given up, and a failure is retried
        end()
        self.check(subtests, settle, "unsettled", "pkey", "step")
        settle()
        end(bad=1)
        self.check(subtests, settle, "unsettled", "pkey", "step")
        settle()
        retry = partial(engine.retry_workflow, workflow.pk, using="default")
        # Then no statement goes through all jobs
        self.check(subtests, retry, "pkey", "step")
        cancel = partial(engine.cancel_workflow, workflow.pk, retention=RETENTION, using="default")
        retry()
        self.check(subtests, cancel, "pkey", "step")
        cancel()
        settle()
        sql("UPDATE django_jobs_workflow SET prune_at = now()")
        prune = partial(engine.prune, using="default")
        self.check(subtests, prune, "pkey", "step", "finished")

    def check(self, subtests, verb, *ways):
        for statement in statements_of(verb, like=TABLE):
            if statement.lstrip().startswith(("INSERT", "SAVEPOINT", "RELEASE")):
                continue
            with subtests.test(" ".join(statement.split())[:90]):
                assert ways_into_jobs(statement) <= {*ways}
                assert rows_handled(statement) <= 20_000
