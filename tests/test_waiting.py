"""Jobs that depend on others, run by a worker in this very process."""

from __future__ import annotations

import sys
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models.functions import Now

from django_jobs import Dependency, JobSpec, cancel, enqueue, enqueue_many, runs
from django_jobs.definitions import define
from django_jobs.execution import perform
from django_jobs.models import Job, Link
from django_jobs.orders import WorkerOptions
from django_jobs.outcomes import Abandoned, Blocked, Finished, Parked, Snoozed, Succeeded
from django_jobs.registry import register
from django_jobs.worker.worker import Worker
from testproject.ledger import dependent
from testproject.ledger.models import Effect
from tests.executors.bench import POLICY, Bench, Witness
from tests.rows import claim, row_of, sql, state_of
from tests.threads import at_once, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

SOURCE = dependent.source.job.func


def run(**options):
    """Run what is due until nothing is left."""
    return Worker(WorkerOptions(burst=True, **options)).run()


def effects():
    return list(Effect.objects.order_by("pk").values_list("label", flat=True))


def sources():
    return Job.objects.filter(name=SOURCE)


def begin(row):
    """Let a job be claimed and begin, and return what that comes to."""
    Job.objects.filter(pk=row.pk).update(priority=1000)
    (claimed,) = claim(limit=1)
    assert claimed.id == row.pk
    return perform(claimed, POLICY, Witness(Bench("thread").recorder)).outcome


def succeeded(ago=timedelta(0), **kwargs):
    """Make a source that has run, some time ago."""
    row = dependent.source.enqueue(**kwargs)
    Job.objects.filter(pk=row.pk).update(state="succeeded", finished_at=Now() - ago)
    return row


class TestTheExample:
    def test_of_jobmaster(self, tmp_path):
        row = dependent.baz.enqueue(file_path=str(tmp_path / "sum.txt"))

        run()

        row.refresh_from_db()
        assert (row.state, row.result, row.attempts) == ("succeeded", "20A", 1)
        done = Job.objects.order_by("finished_at").values_list("name", "priority", "parent")
        names = [name.rpartition(".")[2] for name, *_ in done]
        assert names == ["foo", "bar", "baz"]
        assert [priority for _, priority, _ in done] == [1, 1, 0]
        assert {parent for *_, parent in done[:2]} == {row.pk}

    def test_a_second_one_finds_everything_done(self, tmp_path):
        path = str(tmp_path / "sum.txt")
        dependent.baz.enqueue(path)
        run()

        dependent.baz.enqueue(path)
        run()

        assert Job.objects.filter(name=dependent.baz.job.func).count() == 2
        assert Job.objects.count() == 4
        assert Job.objects.get(name=dependent.bar.job.func).kwargs == {
            "file_path": path, "number": 10, "letter": "A"
        }  # fmt: skip


@pytest.mark.parametrize(
    "drain",
    [
        dependent.drain,
        dependent.drain_atomically,
        dependent.drain_async,
        dependent.drain_in_process,
    ],
    ids=lambda one: one.__name__,
)
@pytest.mark.usefixtures("test_database_for_children")
def test_every_kind_of_job_waits(drain):
    row = drain.enqueue("x")

    run()

    assert effects() == ["source x", "drain x"]
    row.refresh_from_db()
    assert (row.state, row.attempts, row.errors) == ("succeeded", 1, [])
    # Its own two claims, and what gave it back between them.
    assert row.claims == 3


def test_a_chain_runs_from_its_end():
    dependent.sea.enqueue("x")

    run()

    assert effects() == ["source x", "drain x", "sea x"]


def test_a_diamond_with_a_unique_key_runs_each_once():
    rows = [dependent.delta.enqueue("x", "l", "r") for _ in range(2)]

    run()

    assert rows[0].pk == rows[1].pk
    labels = effects()
    assert sorted(labels) == sorted(
        ["source x", "source l", "source r", "drain l", "drain r", "delta x"]
    )
    assert labels[-1] == "delta x"


def test_many_that_need_the_same_wait_for_one():
    enqueue_many([dependent.drain.job.with_kwargs(label="x") for _ in range(30)])

    run(concurrency=10)

    assert effects() == ["source x"] + ["drain x"] * 30


def test_it_fails_when_what_it_depends_on_fails_for_good():
    row = dependent.in_vain.enqueue("x")

    run()

    row.refresh_from_db()
    source = sources().get()
    assert (row.state, row.attempts, row.ended_by) == ("failed", 0, source.pk)
    assert source.attempts == 3
    (error,) = row.errors
    assert error["message"] == (
        f"It waited for {SOURCE} #{source.pk}, which failed: ValueError: x is dry"
    )
    assert effects() == ["source x"] * 3


def test_what_cannot_be_worked_out_fails_it_at_once():
    row = dependent.impossible.enqueue(days=1)

    run()

    row.refresh_from_db()
    (error,) = row.errors
    assert row.state == "failed"
    assert error["exception"] == "django_jobs.exceptions.InvalidDependency"
    assert "label=same.days / 0 cannot be worked out: ZeroDivisionError" in error["message"]


@pytest.mark.usefixtures("worker", "own_registry")
class TestWhatSatisfies:
    @pytest.mark.parametrize(
        ("hours", "ago", "is_met"),
        [
            (6, 5, True),
            (6, 7, False),
            (timedelta(minutes=90), 1, True),
            (timedelta(minutes=90), 2, False),
            (None, 1000, True),
            (0, 0.001, False),
        ],
    )
    def test_a_run_within_the_window(self, hours, ago, is_met):
        succeeded(ago=timedelta(hours=ago), label="x")

        assert (type(begin(self.waiting(hours))) is not Blocked) == is_met

    def test_a_run_since_it_was_enqueued_however_long_ago(self):
        row = self.waiting(1)
        Job.objects.filter(pk=row.pk).update(enqueued_at=Now() - timedelta(hours=9))
        succeeded(ago=timedelta(hours=8), label="x")

        assert type(begin(row)) is not Blocked

    def test_a_run_with_other_arguments_besides(self):
        succeeded(label="x", how="quickly")

        assert type(begin(self.waiting())) is not Blocked

    @pytest.mark.parametrize(
        "asked",
        [{"label": "y"}, {"label": "x", "how": "slowly"}, {"label": ["x"]}],
    )
    def test_no_run_with_other_ones(self, asked):
        succeeded(label="x")
        succeeded(label=["x", "y"])

        assert type(begin(self.waiting(**asked))) is Blocked

    def test_defaults_count_as_arguments(self):
        succeeded(label="x")

        assert type(begin(self.waiting(label="x", how=""))) is not Blocked

    def test_no_failed_run(self):
        row = succeeded(label="x")
        Job.objects.filter(pk=row.pk).update(state="failed")

        assert type(begin(self.waiting())) is Blocked

    def test_no_run_of_another_function(self):
        row = succeeded(label="x")
        Job.objects.filter(pk=row.pk).update(name="tests.samples.anything")

        assert type(begin(self.waiting())) is Blocked

    def test_one_among_hundreds_that_are_newer(self):
        enqueue_many([JobSpec(SOURCE, kwargs={"label": str(n)}) for n in range(300)])
        Job.objects.update(state="succeeded", finished_at=Now())
        sql("ANALYZE django_jobs_job")

        assert type(begin(self.waiting(label="3"))) is not Blocked

    def test_any_run_where_nothing_is_asked_for(self):
        succeeded(label="x")

        assert type(begin(self.waiting(empty=True))) is not Blocked

    def test_what_it_has_waited_for_even_if_its_row_is_gone(self):
        row = self.waiting(0)
        assert type(begin(row)) is Blocked
        run()
        sources().delete()
        Job.objects.filter(pk=row.pk).update(
            state="ready", finished_at=None, worker=None, started_at=None
        )

        assert type(begin(row)) is not Blocked

    def waiting(self, hours=1, empty=False, **asked):
        """Enqueue a job that needs a run of the source."""
        needs = Dependency(SOURCE, hours, **({} if empty else asked or {"label": "x"}))
        register(define(nobodys, "tests.needy", None, depends_on=(needs,)))
        return enqueue(JobSpec("tests.needy"))


@pytest.mark.usefixtures("worker", "own_registry")
class TestWhatIsWaitedFor:
    @pytest.mark.parametrize("state", ["ready", "running", "blocked"])
    def test_one_that_is_there_already(self, state):
        source = dependent.source.enqueue("x", how="slowly")
        worker = 1 if state == "running" else None
        Job.objects.filter(pk=source.pk).update(state=state, worker=worker)

        assert begin(dependent.drain.enqueue("x")) == Blocked((source.pk,))

        assert sources().count() == 1
        assert row_of(source)["unsettled"] is True

    def test_one_that_waits_for_its_next_attempt(self):
        source = dependent.source.enqueue("x")
        later = Now() + timedelta(hours=1)
        Job.objects.filter(pk=source.pk).update(
            state="scheduled", scheduled_at=later, started_at=Now()
        )

        assert begin(dependent.drain.enqueue("x")) == Blocked((source.pk,))

    def test_not_one_that_was_put_off_for_later(self):
        spec = dependent.source.job.with_kwargs(label="x").with_scheduled_at(timedelta(days=1))
        source = enqueue(spec)

        outcome = begin(dependent.drain.enqueue("x"))

        assert type(outcome) is Blocked
        assert source.pk not in outcome.awaited

    def test_a_new_one_goes_ahead_in_its_own_queue(self):
        row = enqueue(dependent.drain.job.with_kwargs(label="x").with_priority(7))
        Job.objects.filter(pk=row.pk).update(queue="far-away")
        (claimed,) = claim(limit=1)

        perform(claimed, POLICY, Witness(Bench("thread").recorder))

        new = sources().get()
        assert (new.priority, new.queue, new.state) == (8, "default", "ready")
        assert (new.parent_id, new.kwargs) == (row.pk, {"label": "x", "how": ""})
        assert (new.remembered, new.unsettled) == (True, True)

    def test_the_highest_priority_is_high_enough(self):
        row = enqueue(dependent.drain.job.with_kwargs(label="x").with_priority(2**31 - 1))
        (claimed,) = claim(limit=1)

        perform(claimed, POLICY, Witness(Bench("thread").recorder))

        assert state_of(row) == "blocked"
        assert sources().get().priority == 2**31 - 1

    def test_one_that_succeeds_while_it_is_looked_for_is_not_run_again(self, monkeypatch):
        source = dependent.source.enqueue("x")
        row = dependent.drain.enqueue("x")
        looked = runs.has_succeeded

        def look(*args, **kwargs):
            found = looked(*args, **kwargs)
            sources().update(state="succeeded", finished_at=Now())
            return found

        monkeypatch.setattr(runs, "has_succeeded", look)

        assert type(begin(row)) is Succeeded
        assert sources().get() == source

    def test_where_one_is_gone_as_soon_as_it_was_found_it_looks_again(self, monkeypatch):
        dependent.source.enqueue("x")
        row = dependent.drain.enqueue("x")
        looked = runs.coming

        def look(*args, **kwargs):
            found = looked(*args, **kwargs)
            sources().delete()
            return found

        monkeypatch.setattr(runs, "coming", look)

        assert begin(row) == Snoozed(0.0)
        assert state_of(row) == "running"

    def test_of_many_that_begin_at_once_one_enqueues_it(self):
        enqueue_many([dependent.drain.job.with_kwargs(label="x") for _ in range(8)])
        claimed = claim()
        witness = Witness(Bench("thread").recorder)

        ended = at_once(*(lambda one=one: perform(one, POLICY, witness) for one in claimed))

        source = sources().get()
        assert [one.outcome for one in ended] == [Blocked((source.pk,))] * 8
        assert Link.objects.count() == 8

    def test_a_unique_key_of_its_own_is_kept(self):
        register(define(nobodys, "tests.keyed", None, unique_key="one-at-a-time", depends_on=()))
        register(define(nobodys, "tests.needy", None, depends_on=(Dependency("tests.keyed", 1),)))
        holder = enqueue(JobSpec("tests.keyed"))
        Job.objects.filter(pk=holder.pk).update(remembered=False)

        outcome = begin(enqueue(JobSpec("tests.needy")))

        assert outcome == Blocked((holder.pk,))
        assert Link.objects.get().wanted is None

    def test_cancelled_at_the_last_moment_nothing_is_enqueued(self):
        row = dependent.drain.enqueue("x")
        (claimed,) = claim()
        cancel(row)

        ended = perform(claimed, POLICY, Witness(Bench("thread").recorder))

        assert type(ended.outcome) is Abandoned
        assert not sources().exists()

    def test_a_function_that_is_not_known_here_parks_it(self):
        register(define(nobodys, "tests.needy", None, depends_on=(Dependency("not.there", 1),)))

        outcome = begin(enqueue(JobSpec("tests.needy")))

        assert type(outcome) is Parked
        assert "'not.there'" in outcome.reason

    def test_where_somebody_holds_what_it_needs_it_comes_again_at_no_charge(self, monkeypatch):
        blocking = sys.modules["django_jobs.engine.block"]
        monkeypatch.setattr(blocking, "_SET", blocking._SET.replace("2s", "50ms"))
        source = dependent.source.enqueue("x")
        row = enqueue(dependent.drain.job.with_kwargs(label="x").with_priority(9))
        (claimed,) = claim(limit=1)
        holding: list[int] = []
        ended: list[Finished] = []

        def hold():
            with transaction.atomic():
                Job.objects.select_for_update().get(pk=source.pk)
                holding.append(1)
                wait_until(lambda: ended)

        def begin():
            wait_until(lambda: holding)
            ended.append(perform(claimed, POLICY, Witness(Bench("thread").recorder)))

        at_once(hold, begin)

        assert ended[0].outcome == Snoozed(1.0)
        assert state_of(row) == "running"


@pytest.mark.usefixtures("own_registry")
class TestRemembering:
    def test_a_job_that_is_depended_on_is_stored_by_name(self):
        one = dependent.source.enqueue("x")
        many = enqueue_many([dependent.source.job.with_args("x")] * 100)

        for row in (one, many[50], *Job.objects.all()):
            assert (row.args, row.kwargs) == ([], {"label": "x", "how": ""})
            assert row.remembered

    def test_others_are_stored_as_ever(self):
        row = enqueue(JobSpec("tests.samples.send", args=(1,)))

        assert (row.args, row.kwargs, row.remembered) == ([1], {}, False)

    def test_it_makes_no_difference_which_was_declared_first(self):
        register(define(takes_much, "tests.late", None))
        before = enqueue(JobSpec("tests.late", args=(1,)))
        register(define(nobodys, "tests.needy", None, depends_on=(Dependency("tests.late", 1),)))

        after = enqueue(JobSpec("tests.late", args=(1,)))

        assert (before.remembered, before.kwargs) == (False, {})
        assert (after.remembered, after.kwargs) == (True, {"a": 1, "c": 3})

    def test_it_is_called_as_it_was_enqueued_where_not_all_can_be_named(self):
        register(define(takes_a_row, "tests.late", None))
        register(define(nobodys, "tests.needy", None, depends_on=(Dependency("tests.late", 1),)))
        row = enqueue(JobSpec("tests.late", args=("x", "y", "z")))

        run()

        row.refresh_from_db()
        assert (row.state, row.result) == ("succeeded", ["x", ["y", "z"], 1])

    def test_one_that_was_inserted_by_sql_is_remembered_when_it_runs(self):
        sql(f"INSERT INTO django_jobs_job (name, args) VALUES ('{SOURCE}', '[\"x\"]')")

        run()
        dependent.drain.enqueue("x")
        run()

        assert effects() == ["source x", "drain x"]

    def test_one_whose_arguments_do_not_fit_fails_by_its_call(self):
        sql(f"INSERT INTO django_jobs_job (name, kwargs) VALUES ('{SOURCE}', '{{\"lable\": 1}}')")

        run()

        row = sources().get()
        assert (row.state, row.remembered) == ("failed", False)
        assert "unexpected keyword argument 'lable'" in row.errors[0]["message"]

    def test_it_is_kept_for_as_long_as_anybody_asks_for_it(self):
        register(define(takes_much, "tests.late", None, retention=5.0))
        for name, hours in [("tests.needy", 50), ("tests.needier", 100)]:
            needs = (Dependency("tests.late", hours),)
            register(define(nobodys, name, None, depends_on=needs))
        row = enqueue(JobSpec("tests.late", args=(1,)))

        run()

        row.refresh_from_db()
        assert row.prune_at is not None
        assert row.finished_at is not None
        kept = row.prune_at - row.finished_at
        assert timedelta(hours=100) <= kept < timedelta(hours=100, seconds=10)


def nobodys():
    """Be declared under several names."""


def takes_much(a, b=object, c=3):
    """Have a default that cannot be stored."""


def takes_a_row(first="", *others, last=1):
    """Return what it got, some of which has no name."""
    return [first, list(others), last]
