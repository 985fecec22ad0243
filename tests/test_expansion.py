"""A job with ALL in it: when it runs it makes one for each value, whatever runs its function."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Literal

import pytest

from django_jobs import enqueue, job
from django_jobs.definitions import define
from django_jobs.execution import perform
from django_jobs.models import Job
from django_jobs.options import MAX_NAME
from django_jobs.orders import WorkerOptions
from django_jobs.outcomes import Abandoned, Failed
from django_jobs.registry import register
from django_jobs.signals import job_enqueued, job_succeeded
from django_jobs.worker.worker import Worker
from testproject.ledger.models import Effect, Gate
from testproject.ledger.paint import Colour, paint, paint_async, paint_in_process
from tests.executors.bench import POLICY, Bench, Witness
from tests.psql import find_psql, psql
from tests.rows import claim, make_job, sql, state_of
from tests.samples import as_if_at_the_top
from tests.threads import at_once

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("own_registry", "worker"),
]

COLOURS = ("red", "green", "blue")
PAINTS = (paint, paint_async, paint_in_process)


def run(claimed):
    """Run a claimed job here, and return how it ended."""
    return perform(claimed, POLICY, Witness(Bench("thread").recorder))


def run_first():
    """Claim and run the one job that is ready, and return the others by then."""
    (claimed,) = claim()
    finished = run(claimed)
    assert finished.is_recorded, finished
    return Job.objects.filter(parent=claimed.id).order_by("id")


@pytest.mark.parametrize("function", PAINTS)
def test_each_value_is_run_once_whatever_runs_it(function, test_database_for_children):
    # Given a job for all colours
    parent = enqueue(function.job.with_kwargs(label="wall", colour="ALL", size=2))
    # When workers run what there is
    Worker(WorkerOptions(burst=True)).run()
    # Then it has succeeded, and tells how many it has made
    parent.refresh_from_db()
    assert (parent.state, parent.result) == ("succeeded", 3)
    # And each of these has had its effect
    assert Job.objects.filter(parent=parent).succeeded().count() == 3
    labels = list(Effect.objects.values_list("label", flat=True))
    assert sorted(labels) == sorted(f"wall {colour} 2" for colour in COLOURS)


def test_several_make_all_combinations():
    enqueue(paint.job.with_kwargs(label="wall", colour="ALL", size="ALL"))

    made = run_first()

    assert [(one.kwargs["colour"], one.kwargs["size"]) for one in made] == [
        (colour, size) for colour in COLOURS for size in (1, 2, 3)
    ]


def test_it_works_by_position_too():
    enqueue(paint.job.with_args("wall", "ALL"))

    assert [one.args for one in run_first()] == [["wall", colour] for colour in COLOURS]


def test_they_are_as_the_one_that_makes_them():
    # Given a job that is unlike its declaration in all that can be said
    gate = Gate.objects.create(name="north")
    enqueue(
        paint.job.with_kwargs(label=gate, colour="ALL")
        .with_queue("slow")
        .with_priority(7)
        .with_max_attempts(4)
        .with_timeout(90)
        .with_meta({"by": "Ada", "$": 1})
    )
    # When it is run
    made = run_first()
    # Then they are like it
    assert len(made) == 3
    for one in made:
        assert (one.queue, one.priority, one.max_attempts) == ("slow", 7, 4)
        assert one.timeout == timedelta(seconds=90)
        assert one.meta == {"by": "Ada", "$$": 1}
        assert one.kwargs["label"] == {"$model": ["ledger.gate", gate.pk, "default"]}
        assert (one.state, one.attempts) == ("ready", 0)


def test_a_job_without_all_is_run_itself():
    enqueue(paint.job.with_kwargs(label="ALL", colour="red"))

    (claimed,) = claim()

    assert run(claimed).outcome.result == '"Colour"'
    assert Effect.objects.get().label == "ALL red 1"


@pytest.mark.parametrize("function", PAINTS)
def test_the_function_gets_members_of_its_enum(function, test_database_for_children):
    enqueue(function.job.with_kwargs(label="", colour=Colour.RED))

    Worker(WorkerOptions(burst=True)).run()

    assert Job.objects.get().state == "succeeded"  # it asks for the .value


def test_a_member_that_is_gone_fails_the_attempt():
    make_job(name=paint.job.func, kwargs={"label": "", "colour": "mauve"})

    (claimed,) = claim()

    assert "'mauve' is no choice any more" in run(claimed).outcome.fault.message


class TestOnceAndOnlyOnce:
    def test_nothing_is_made_where_the_job_has_changed_hands(self):
        enqueue(paint.job.with_kwargs(label="wall", colour="ALL"))
        (claimed,) = claim()
        sql("UPDATE django_jobs_job SET claims = claims + 1")

        assert isinstance(run(claimed).outcome, Abandoned)
        assert Job.objects.count() == 1

    def test_two_that_both_believe_that_it_is_theirs_make_them_once(self):
        # Given a worker that was thought dead, and the one that has its job now
        enqueue(paint.job.with_kwargs(label="wall", colour="ALL"))
        (zombie,) = claim()
        sql("UPDATE django_jobs_job SET claims = claims + 1")
        owner = zombie._replace(claims=zombie.claims + 1)
        # When both run it at once
        late, ours = at_once(lambda: run(zombie), lambda: run(owner))
        # Then the end of the one counts, and so do the jobs that it has made
        assert (type(late.outcome), ours.is_recorded) == (Abandoned, True)
        assert Job.objects.filter(parent=owner.id).count() == 3
        assert state_of(owner) == "succeeded"

    def test_nothing_is_made_where_it_fails(self, monkeypatch, caplog):
        caplog.set_level(logging.CRITICAL)
        monkeypatch.setattr("django_jobs.engine.finish", _broken)
        enqueue(paint.job.with_kwargs(label="wall", colour="ALL"))
        (claimed,) = claim()

        finished = run(claimed)

        # And it is tried again, as any job
        assert isinstance(finished.outcome, Failed)
        assert finished.outcome.delay is not None
        assert Job.objects.count() == 1
        assert state_of(claimed) == "running"


def _broken(*args, **kwargs):
    raise RuntimeError("no")


class TestUniqueKeys:
    def test_one_that_is_computed_is_computed_for_each(self):
        wall = _declare(unique_key=lambda colour: f"paint-{colour}")
        enqueue(wall.job.with_kwargs(colour="red"))
        enqueue(wall.job.with_kwargs(colour="ALL"))
        (_, claimed) = claim()

        assert run(claimed).outcome.result == "2"  # red is on its way already

        keys = Job.objects.filter(parent=claimed.id).values_list("unique_key", flat=True)
        assert set(keys) == {"paint-green", "paint-blue"}

    def test_of_one_that_is_text_each_has_a_part(self):
        parent = enqueue(
            paint.job.with_kwargs(label="", colour="ALL", size="ALL").with_unique_key("nightly")
        )

        keys = {one.unique_key for one in run_first()}

        assert len(keys) == 9
        assert "nightly[colour=red, size=1]" in keys
        assert parent.unique_key == "nightly"

    def test_a_long_one_is_shortened_and_stays_different(self):
        enqueue(paint.job.with_kwargs(label="", colour="ALL").with_unique_key("n" * MAX_NAME))

        keys = {one.unique_key for one in run_first()}

        assert len(keys) == 3
        assert max(map(len, keys)) <= MAX_NAME


def _declare(**options):
    def wall(colour):
        Effect.objects.create(label=colour, pid=1)

    wall.__annotations__["colour"] = Colour
    return job(name="wall", write_all=True, **options)(as_if_at_the_top(wall))


def test_who_listens_hears_of_all_of_them():
    heard = []

    def hear(sender, job, **told):
        heard.append(job)

    job_enqueued.connect(hear)
    job_succeeded.connect(hear)
    try:
        parent = enqueue(paint.job.with_kwargs(label="wall", colour="ALL"))
        Worker(WorkerOptions(burst=True)).run()
    finally:
        job_enqueued.disconnect(hear)
        job_succeeded.disconnect(hear)
    assert [one.pk for one in heard][:1] == [parent.pk]
    assert len(heard) == 8


@pytest.mark.skipif(find_psql() is None, reason="there is no psql on this machine")
def test_what_is_enqueued_from_sql_is_expanded_too():
    answer = psql(
        """CALL django_jobs_insert_job('paint', 'paint', 10,
           '{"label": "wall", "colour": "ALL", "size": 2}'::json)"""
    )

    assert answer.rows[0].endswith("|Inserted.")
    assert [one.kwargs["colour"] for one in run_first()] == list(COLOURS)


def test_an_atomic_function_is_expanded_like_any_other():
    definition = define(as_if_at_the_top(_atomic), "atomic", None, atomic=True, write_all=True)
    register(definition)
    make_job(name="atomic", kwargs={"size": "ALL"})

    assert len(run_first()) == 2


def _atomic(size: Literal[1, 2]) -> None: ...
