"""What a row can have done that somebody else has written: docs/security.md says what."""

from __future__ import annotations

import pytest

from django_jobs import job
from django_jobs.models import Job
from django_jobs.orders import WorkerOptions
from django_jobs.states import State
from django_jobs.worker.worker import Worker

pytestmark = pytest.mark.django_db(transaction=True)


@job
def innocent(value: object = None) -> str:
    return type(value).__name__


def run(**row):
    """Return a row as it is after a worker has seen it, beside an innocent one."""
    written = Job.objects.create(**row)
    neighbour = innocent.enqueue()
    Worker(WorkerOptions(burst=True)).run()
    neighbour.refresh_from_db()
    assert neighbour.state == State.SUCCEEDED
    written.refresh_from_db()
    return written


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "subprocess.check_output",
        "builtins.eval",
        "tests.test_hostile_rows.innocent.__globals__",
        "testproject.shop.models.Order",
        "testproject.shop.models.Order.delete",
        "testproject.shop.checkout.transaction",
        "django.contrib.auth.models.send_mail",
        "testproject.shop",
        "..",
        "no such thing",
    ],
)
def test_what_is_no_function_of_an_app_is_not_called(name):
    written = run(name=name, args=["true"])

    assert (written.state, written.attempts) == (State.SCHEDULED, 0)


def test_a_plain_function_of_an_installed_app_is_called():
    written = run(name="django.contrib.auth.hashers.is_password_usable", args=["!"])

    assert (written.state, written.result) == (State.SUCCEEDED, False)


@pytest.mark.parametrize(
    "value",
    [
        {"$date": "the day after tomorrow"},
        {"$date": 5},
        {"$model": ["shop.order", 0, "default"]},
        {"$model": ["shop.nothing", 1, "default"]},
        {"$model": ["shop.order", 1, "elsewhere"]},
    ],
)
def test_a_tag_that_makes_no_sense_fails_its_job(value):
    written = run(name="tests.test_hostile_rows.innocent", kwargs={"value": value})

    assert written.state == State.FAILED
    assert written.errors[-1]["message"]


def test_a_pickle_is_a_dictionary_with_a_text():
    value = {"$pickle": "gASVFQAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOULg=="}

    written = run(name="tests.test_hostile_rows.innocent", kwargs={"value": value})

    assert (written.state, written.result) == (State.SUCCEEDED, "dict")
