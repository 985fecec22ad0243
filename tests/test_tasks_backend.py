"""Tasks that are declared by Django's own ``@task``, run by our workers."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib import import_module, reload
from importlib.util import find_spec

import django
import pytest
from asgiref.sync import async_to_sync
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

if django.VERSION < (6, 0) and find_spec("django_tasks") is None:
    pytest.skip("neither Django's tasks nor the package django-tasks", allow_module_level=True)

from django_jobs import cancel, engine, job, pause_queue, retry, signals
from django_jobs.backend import JobsBackend, JobsTask
from django_jobs.backend.declaring import task_definition
from django_jobs.backend.framework import (
    LOGGER,
    InvalidTask,
    InvalidTaskBackend,
    TaskResultDoesNotExist,
    TaskResultStatus,
    task_backends,
    task_enqueued,
    task_finished,
    task_started,
)
from django_jobs.models import Job
from django_jobs.models import Worker as Worker_
from django_jobs.orders import WorkerOptions
from django_jobs.testing import assert_enqueued, run_jobs
from django_jobs.worker.worker import Worker
from testproject.ledger import jobs
from tests import tasks_settings
from tests.pages import ROOT
from tests.rows import claim, rescue_dead
from tests.task_samples_of import plain
from tests.threads import wait_until

TAKES_OPTIONS = django.VERSION < (6, 0) or django.VERSION >= (6, 1)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def samples(settings, own_registry, monkeypatch):
    """Return tasks that were declared under our backend; our backend is Django's meanwhile."""
    settings.TASKS = tasks_settings.TASKS
    settings.DJANGO_JOBS = {"JOB_MODULES": ["tests"], "BACKOFF_JITTER": 0}
    for signal in (signals.job_started, signals.job_succeeded, signals.job_failed):
        monkeypatch.setattr(signal, "receivers", list(signal.receivers))
        signal.sender_receivers_cache.clear()
    yield import_module("tests.task_samples")
    for signal in (signals.job_started, signals.job_succeeded, signals.job_failed):
        signal.sender_receivers_cache.clear()


@pytest.fixture
def told():
    """Return a list of ``(signal, sender, status)``, in the order heard."""
    heard = []
    named = {"enqueued": task_enqueued, "started": task_started, "finished": task_finished}

    def receiver(name):
        return lambda sender, task_result, **sent: heard.append((name, sender, task_result))

    receivers = {name: receiver(name) for name in named}
    for name, signal in named.items():
        signal.connect(receivers[name], weak=False)
    yield heard
    for name, signal in named.items():
        signal.disconnect(receivers[name])


def run(**options):
    Worker(WorkerOptions(burst=True, **options)).run()


def finished(result):
    run()
    result.refresh()
    return result


def patient_for_an_hour():
    entry = {"BACKEND": "django_jobs.backend.JobsBackend", "OPTIONS": {"backoff": 3600}}
    return {**tasks_settings.TASKS, "default": entry}


# A life ---------------------------------------------------------------------------------------


def test_a_task_is_run_by_a_worker_and_its_result_is_the_row(samples):
    # Given a task that was enqueued
    result = samples.add.enqueue(1, other=2)
    assert isinstance(samples.add, JobsTask)
    assert (result.status, result.attempts) == (TaskResultStatus.READY, 0)
    # When a worker has run it
    finished(result)
    # Then the result tells of it, as the row does
    row = Job.objects.get()
    assert (result.status, result.return_value, result.id) == ("SUCCESSFUL", 3, str(row.pk))
    assert (result.args, result.kwargs) == ([1], {"other": 2})
    assert result.attempts == len(result.worker_ids) == 1
    assert result.enqueued_at <= result.started_at == result.last_attempted_at
    assert (result.started_at, result.finished_at) == (row.started_at, row.finished_at)
    assert row.name == "tests.task_samples.add"
    # And it is the same by whatever way it is got
    assert samples.add.get_result(result.id) == task_backends["default"].get_result(result.id)


def test_what_is_got_right_after_enqueueing_is_what_enqueue_has_returned(samples):
    later = timezone.now() + timedelta(hours=1)
    urgent = samples.add.using(
        priority=7, queue_name="mail", run_after=later, max_attempts=4, timeout=9.5
    )

    result = urgent.enqueue(1, 2)

    assert urgent.get_result(result.id) == result
    assert result.task == urgent
    row = Job.objects.get()
    assert (row.queue, row.priority, row.scheduled_at) == ("mail", 7, later)
    assert (row.max_attempts, row.timeout, row.state) == (
        4, timedelta(seconds=9.5), Job.State.SCHEDULED,
    )  # fmt: skip


def test_a_coroutine_function_is_run_and_the_backend_has_async_twins(samples):
    async def enqueue_and_get():
        result = await samples.add_later.aenqueue(2, 3)
        return await samples.add_later.aget_result(result.id)

    result = async_to_sync(enqueue_and_get)()

    assert finished(result).return_value == 5
    async_to_sync(result.arefresh)()
    assert result.status == TaskResultStatus.SUCCESSFUL


def test_the_context_is_djangos_with_ours_in_it(samples):
    result = finished(samples.tell.enqueue("hello"))
    later = finished(samples.tell_later.enqueue("hello"))

    assert result.return_value == ["JobsTaskContext", 1, result.id, "RUNNING", "hello"]
    assert later.return_value == [1, later.id, "hello"]
    assert (Job.objects.get(pk=result.id).progress or {})["message"] == "hello"


def test_a_task_is_deferred_until_its_moment_or_for_a_while(samples):
    moment = samples.add.using(run_after=datetime(2100, 1, 1, tzinfo=UTC)).enqueue(1, 2)
    a_while = samples.add.using(run_after=timedelta(days=1)).enqueue(1, 2)
    due = samples.add.using(run_after=timezone.now() - timedelta(hours=1)).enqueue(1, 2)

    run()

    assert moment.task.get_result(moment.id).status == TaskResultStatus.READY
    assert a_while.task.get_result(a_while.id).status == TaskResultStatus.READY
    assert finished(due).return_value == 3


def test_a_task_exists_exactly_if_the_transaction_does(samples, told):
    with transaction.atomic():
        samples.add.enqueue(1, 2)
        transaction.set_rollback(True)
    assert not Job.objects.exists()

    with transaction.atomic():
        samples.add.enqueue(1, 2)
        assert told == []
    assert [name for name, *_ in told] == ["enqueued"]


# Failures -------------------------------------------------------------------------------------


def test_every_attempts_error_and_worker_is_kept(samples, caplog):
    # Given a task whose backend gives it three attempts, all of which fail
    result = samples.always_fails.enqueue("no such address")
    assert result.backend == "patient"
    # When workers have tried
    with caplog.at_level("INFO", logger=LOGGER):
        for _ in range(3):
            run()
    result.refresh()
    # Then it has failed, and all is told
    assert (result.status, result.attempts, len(result.errors)) == ("FAILED", 3, 3)
    assert len(result.worker_ids) == 3
    assert all(error.exception_class is ValueError for error in result.errors)
    assert "no such address" in result.errors[0].traceback
    assert result.started_at < result.last_attempted_at
    with pytest.raises(ValueError, match="Task failed"):
        _ = result.return_value
    # And Django's log has each start, and the failure with what it failed of, once
    levels = [record.levelno for record in caplog.records if record.name == LOGGER]
    assert levels == [logging.INFO] * 3 + [logging.ERROR]
    assert "no such address" in caplog.text


def test_a_task_that_succeeds_at_last_keeps_the_error_before(samples):
    result = samples.fails_first.enqueue()
    run()

    assert finished(result).return_value == ["builtins.LookupError"]

    assert (result.status, result.attempts, len(result.errors)) == ("SUCCESSFUL", 2, 1)


def test_between_two_attempts_a_task_is_ready(samples, settings):
    settings.TASKS = patient_for_an_hour()
    result = samples.unfit.using(max_attempts=2).enqueue()

    finished(result)

    assert (result.status, result.attempts, len(result.errors)) == ("READY", 1, 1)
    assert result.errors[0].exception_class is TypeError
    assert not result.is_finished


def test_a_failed_task_that_is_retried_by_hand_counts_anew_and_forgets_no_error(samples):
    result = samples.always_fails.using(max_attempts=1).enqueue("wrong")
    run()
    retry(int(result.id))

    result.refresh()
    assert (result.status, result.attempts, len(result.errors)) == ("READY", 0, 1)

    finished(result)
    assert (result.status, result.attempts, len(result.errors)) == ("FAILED", 1, 2)


def test_a_cancelled_task_has_failed_of_being_cancelled(samples, caplog):
    result = samples.add.enqueue(1, 2)

    cancel(int(result.id))

    result.refresh()
    assert (result.status, result.attempts) == ("FAILED", 0)
    assert [error.exception_class.__name__ for error in result.errors] == ["Cancel"]
    # And nobody is mailed of it
    assert not [one for one in caplog.records if one.name == LOGGER and one.levelno > logging.INFO]


def test_a_worker_that_dies_is_an_error_of_the_attempt_that_it_ran(samples, worker):
    result = samples.add.using(max_attempts=2).enqueue(1, 2)
    claim(worker)
    Worker_.objects.all().delete()
    rescue_dead()

    result.refresh()

    assert (result.status, result.attempts) == ("READY", 1)
    assert [error.exception_class.__name__ for error in result.errors] == ["WorkerLost"]
    assert finished(result).return_value == 3
    assert len(result.worker_ids) == 2


# Arguments ------------------------------------------------------------------------------------


def test_arguments_and_results_are_json_by_djangos_rules(samples):
    result = samples.echo.enqueue((1, 2), b"bytes", **{"$key": {1: None, "x": 1e22}})

    expected = [[1, 2], "bytes"], {"$key": {"1": None, "x": 1e22}}
    assert (result.args, result.kwargs) == expected
    finished(result)
    assert (result.args, result.kwargs) == expected
    assert result.return_value == {"args": expected[0], "kwargs": expected[1]}


@pytest.mark.parametrize(
    "value", [datetime(2026, 1, 1, tzinfo=UTC), object(), {1, 2}, float("nan"), "\x00"]
)
def test_what_is_not_json_is_refused_and_nothing_is_enqueued(samples, value):
    with pytest.raises(TypeError):
        samples.echo.enqueue(value)
    assert not Job.objects.exists()


def test_arguments_that_the_function_does_not_take_are_refused_at_once(samples):
    with pytest.raises(TypeError, match="other"):
        samples.add.enqueue(1)
    with pytest.raises(TypeError, match="third"):
        samples.add.enqueue(1, 2, third=3)


def test_annotations_restrict_nothing_and_change_nothing(samples):
    assert finished(samples.painted.enqueue("blue", size=7)).return_value == ["blue", 7]


# Results of others ----------------------------------------------------------------------------


def test_a_result_of_another_backend_or_of_no_task_does_not_exist(samples):
    other = samples.always_fails.enqueue("x")
    no_task = jobs.nothing.enqueue()
    backend = task_backends["default"]

    for key in (other.id, str(no_task.pk), "0", "-1", "9" * 25, "x", "", "٣", "12345678"):
        with pytest.raises(TaskResultDoesNotExist):
            backend.get_result(str(key))
    assert task_backends["patient"].get_result(other.id).id == other.id


def test_a_job_of_a_tasks_function_that_was_made_otherwise_is_a_result_too(samples):
    samples.add.enqueue(1, 2)
    row = Job.objects.create(name="tests.task_samples.add", args=[3, 4])

    result = samples.add.get_result(str(row.pk))

    assert finished(result).return_value == 7


def test_arguments_that_nobody_can_read_are_told_as_they_are_stored(samples):
    row = Job.objects.create(name="tests.task_samples.add", args=[{"$date": "never"}, 4])

    assert samples.add.get_result(str(row.pk)).args == [{"$date": "never"}, 4]


@pytest.mark.parametrize("is_aware", [True, False])
def test_moments_are_as_the_project_has_them_now(samples, settings, is_aware):
    # Given an attempt from before a project changed its mind about time zones
    settings.TASKS, settings.TIME_ZONE = patient_for_an_hour(), "Asia/Kathmandu"  # no summer time
    settings.USE_TZ = not is_aware
    result = finished(samples.unfit.using(max_attempts=2).enqueue())
    settings.USE_TZ = is_aware
    # When there has been another one since
    engine.expedite([int(result.id)], using="default")
    finished(result)
    # Then all moments of its result can be compared
    moments = [result.enqueued_at, result.started_at, result.last_attempted_at, timezone.now()]
    assert sorted(moments) == moments
    assert len(set(moments)) == len(moments)
    assert result.attempts == 2


def test_a_result_tells_priority_and_queue_that_settings_would_refuse_now(samples):
    result = samples.add.using(queue_name="mail").enqueue(1, 2)
    Job.objects.update(priority=5000, queue="gone")

    got = samples.add.get_result(result.id)

    assert (got.task.priority, got.task.queue_name) == (5000, "gone")


# Signals --------------------------------------------------------------------------------------


def test_signals_are_sent_in_order_by_the_class_of_the_backend(samples, told):
    result = samples.add.enqueue(1, 2)
    run()

    assert [name for name, *_ in told] == ["enqueued", "started", "finished"]
    assert {sender for _, sender, _ in told} == {JobsBackend}
    assert [str(one.status) for *_, one in told] == ["READY", "RUNNING", "SUCCESSFUL"]
    assert {one.id for *_, one in told} == {result.id}
    assert told[1][2].attempts == told[2][2].attempts == 1
    assert told[2][2].return_value == 3


def test_jobs_that_are_no_tasks_send_no_signals_of_tasks(samples, told):
    samples.add.enqueue(1, 2)
    jobs.nothing.enqueue()
    run()

    assert len(told) == 3


def test_an_attempt_that_is_followed_by_another_finishes_no_task(samples, told):
    samples.fails_first.enqueue()
    run()
    run()

    assert [name for name, *_ in told] == ["enqueued", "started", "started", "finished"]
    assert [one.attempts for *_, one in told] == [0, 1, 2, 2]


def test_what_went_on_while_receivers_were_busy_is_told_as_it_is(samples, told, caplog):
    # Given tasks, and a receiver that takes its time with the start of the first
    busy = samples.add.enqueue(1, 2)
    pruned = samples.add.enqueue(3, 4)
    failed = samples.always_fails.using(max_attempts=1).enqueue("wrong")

    def dawdle(task_result, **sent):
        if task_result.id == busy.id:
            wait_until(lambda: Job.objects.succeeded().filter(pk=pruned.id).exists())
            wait_until(lambda: Job.objects.failed().filter(pk=failed.id).exists())
            Job.objects.filter(pk=pruned.id).delete()
            pause_queue("default")
            retry(int(failed.id))

    task_started.connect(dawdle)
    del told[:]
    # When one of the others is pruned meanwhile, and one is retried
    run()
    # Then neither is told to have finished, and the start of one as if it still ran
    found = sorted((one.id, name, len(one.errors)) for name, _, one in told)
    assert found == [(busy.id, "finished", 0), (busy.id, "started", 0), (failed.id, "started", 0)]
    assert "django.dispatch" not in {record.name for record in caplog.records}


def test_a_task_whose_backend_is_there_no_more_is_run_and_nobody_is_told(
    samples, told, settings, caplog
):
    samples.add.using(backend="patient").enqueue(1, 2)
    settings.TASKS = {"default": tasks_settings.TASKS["default"]}
    run()

    assert Job.objects.get().result == 3
    assert [name for name, *_ in told] == ["enqueued"]
    assert "django.dispatch" not in {record.name for record in caplog.records}


def test_a_task_that_was_deleted_before_it_got_its_context_has_not_run(samples, caplog):
    def delete(**told):
        Job.objects.all().delete()

    signals.job_started.connect(delete)
    samples.tell.enqueue("hello")

    assert run_jobs() == []
    assert "is gone while it runs" in caplog.text


# Options --------------------------------------------------------------------------------------


def test_a_unique_key_leads_to_the_result_that_holds_it(samples, told):
    once = samples.add.using(unique_key="one sum")

    first, second = once.enqueue(1, 2), once.enqueue(3, 4)

    assert (second.id, second.args) == (first.id, [1, 2])
    assert [name for name, *_ in told] == ["enqueued"]


def test_options_that_make_no_sense_are_invalid_tasks(samples):
    with pytest.raises(InvalidTask, match="max_attempts must be from 1"):
        samples.add.using(max_attempts=0)
    with pytest.raises(InvalidTask, match="backoff is for all jobs of a function"):
        samples.add.using(backoff=5)
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        samples.add.using(colour="red")
    with pytest.raises(InvalidTask, match="within 100 years"):
        samples.add.using(run_after=datetime(9000, 1, 1, tzinfo=UTC)).enqueue(1, 2)


@pytest.mark.skipif(not TAKES_OPTIONS, reason="@task of Django 6.0 takes no further options")
def test_djangos_decorator_takes_our_options(samples):
    declared = samples.task(max_attempts=5, timeout=60, backoff=1.0, max_running=1)(plain)

    result = declared.enqueue()

    row = Job.objects.get(pk=result.id)
    assert (row.max_attempts, row.timeout) == (5, timedelta(minutes=1))
    assert row.lane == row.name == "tests.task_samples_of.plain"
    with pytest.raises(TypeError):
        samples.task(colour="red")(plain)
    with pytest.raises(InvalidTask, match="declared with another backoff"):
        samples.task(backoff=2.0)(plain)


def test_a_task_that_was_declared_under_another_backend_runs_here(samples):
    ours = samples.of_another_backend.using(backend="default")

    assert finished(ours.enqueue()).return_value == "here"
    # And what holds for all of its jobs is what its module says, in each process
    definition = task_definition("tests.task_samples.of_another_backend")
    assert definition is not None
    assert definition.task is samples.of_another_backend


def test_a_task_may_be_declared_before_the_apps_are_loaded():
    # Given a project whose models import its tasks, or whose app itself does
    program = "import django.conf; django.conf.settings._setup(); import tests.task_samples"
    # When Django is not set up yet
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.tasks_settings"},
        capture_output=True, text=True, check=False, timeout=60, cwd=ROOT,
    )  # fmt: skip
    # Then nothing asks for a model
    assert ran.returncode == 0, ran.stderr


def test_a_function_is_a_job_or_a_task_not_both(samples):
    with pytest.raises(InvalidTask, match="is a job by @job already"):
        samples.task(job(plain))


def test_a_function_that_no_worker_can_import_is_refused(samples):
    class Clerk:
        @staticmethod
        def work():
            """Be found in no module."""

    Clerk.work.__qualname__ = "Clerk.work"
    with pytest.raises(InvalidTask, match="module level"):
        samples.task(lambda: None)
    with pytest.raises(InvalidTask, match="at the top level of a module"):
        samples.task(Clerk.work)


def test_a_task_is_the_one_of_its_module_when_that_is_loaded_anew(samples):
    before = task_definition(samples.add.enqueue(1, 2).task.module_path)
    reload(samples)
    result = samples.add.enqueue(3, 4)

    assert finished(result).return_value == 7
    after = task_definition(samples.add.module_path)
    assert before is not None
    assert after is not None
    assert before.task is not samples.add
    assert after.task is samples.add


def test_the_helpers_for_tests_know_tasks(samples):
    result = samples.add.enqueue(1, 2)

    assert_enqueued(samples.add.func, args=[1, 2])
    run_jobs()

    result.refresh()
    assert result.return_value == 3


def test_in_immediate_mode_a_task_has_ended_when_enqueue_returns(samples, settings):
    settings.DJANGO_JOBS = {"IMMEDIATE": True, "JOB_MODULES": ["tests"]}

    assert samples.add.enqueue(1, 2).return_value == 3


# Settings -------------------------------------------------------------------------------------


def checked(settings, **entry):
    settings.TASKS = {"default": {"BACKEND": "django_jobs.backend.JobsBackend", **entry}}
    return [(one.id, one.msg) for one in task_backends["default"].check()]


@pytest.mark.parametrize(
    ("entry", "number", "words"),
    [
        ({"OPTIONS": {"max_atempts": 3}}, "E072", "Did you mean 'max_attempts'?"),
        ({"OPTIONS": {"max_attempts": 0}}, "E072", "OPTIONS['max_attempts']: max_attempts must"),
        ({"OPTIONS": {"unique_key": "x"}}, "E072", "OPTIONS has no 'unique_key'"),
        ({"OPTIONS": {"max_running_per_key": 1}}, "E072", "concurrency_key"),
        ({"OPTIONS": ["max_attempts"]}, "E072", "OPTIONS must be a dict"),
        ({"QUEUES": "default"}, "E071", "QUEUES must be a list"),
        ({"QUEUES": ["default", 3]}, "E071", "QUEUES must hold names"),
        ({"QUEUE": ["default"]}, "E072", "Did you mean 'QUEUES'?"),
        ({"ENQUEUE_ON_COMMIT": True}, "E072", "ENQUEUE_ON_COMMIT"),
    ],
)
def test_a_check_names_what_is_wrong_and_nothing_is_enqueued(
    samples, settings, entry, number, words
):
    ((found, text),) = checked(settings, **entry)

    assert found == f"django_jobs.{number}"
    assert text.startswith("TASKS['default']: ")
    assert words in text
    with pytest.raises(InvalidTaskBackend, match=r"TASKS\['default'\]: "):
        samples.add.enqueue(1, 2)


def test_a_check_finds_queues_that_strict_queues_would_refuse(samples, settings):
    settings.DJANGO_JOBS = {"QUEUES": {"mail": {}}, "STRICT_QUEUES": True}

    ((found, text),) = checked(settings, QUEUES=["mail", "default"])

    assert found == "django_jobs.E073"
    assert "'default'" in text
    with pytest.raises(InvalidTask, match="not declared"):
        samples.add.enqueue(1, 2)


def test_a_check_finds_that_the_app_is_not_installed(samples, settings):
    settings.INSTALLED_APPS = [one for one in settings.INSTALLED_APPS if one != "django_jobs"]

    assert [found for found, _ in checked(settings)] == ["django_jobs.E070"]


def test_settings_that_make_sense_pass_the_checks(samples):
    assert [list(task_backends[alias].check()) for alias in tasks_settings.TASKS] == [[]] * 4
    call_command("check")
