"""What the README promises in code: it runs, and does what the text around it says."""

import os
import re
import tomllib

import pytest
from django.core import mail
from django.db import transaction
from django.db.models import signals

import django_jobs
from django_jobs import registry
from django_jobs.models import Job
from django_jobs.orders import WorkerOptions
from django_jobs.worker.worker import Worker
from testproject.shop.models import Customer, Order
from tests.pages import ROOT, Session

README = ROOT / "README.md"


@pytest.fixture
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture
def text():
    return README.read_text(encoding="utf-8")


@pytest.fixture
def customer(transactional_db):
    return Customer.objects.create(name="Ada Martin", email="ada@example.com")


@pytest.fixture
def session(monkeypatch):
    """Return a session that has run the README's code, and take back what it registered."""
    monkeypatch.setattr(registry, "_definitions", dict(registry._definitions))
    monkeypatch.setattr(signals.post_save, "receivers", [])
    signals.post_save.sender_receivers_cache.clear()
    session = Session(README, monkeypatch)
    session.run()
    yield session
    signals.post_save.sender_receivers_cache.clear()


@pytest.fixture
def place_order(session, monkeypatch):
    """Return the README's function, without the receiver that the README shows after it."""
    monkeypatch.setattr(signals.post_save, "receivers", [])
    signals.post_save.sender_receivers_cache.clear()
    return session.module("shop.checkout").place_order


def test_the_ten_lines_mail_a_receipt(customer, place_order):
    place_order(customer, 10)

    Worker(WorkerOptions(burst=True)).run()

    assert Job.objects.get().state == Job.State.SUCCEEDED
    assert [sent.to for sent in mail.outbox] == [["ada@example.com"]]


def test_a_job_is_rolled_back_with_its_order(customer, place_order):
    with transaction.atomic():
        place_order(customer, 10)
        transaction.set_rollback(True)

    assert not Order.objects.exists()
    assert not Job.objects.exists()


def test_the_function_still_runs_here_and_now(customer, session):
    order = Order.objects.bulk_create([Order(customer=customer, total=10)])[0]

    session.module("shop.jobs").send_receipt(order.pk)

    assert len(mail.outbox) == 1
    assert not Job.objects.exists()


def test_a_saved_order_enqueues_its_receipt(customer, session):
    order = Order.objects.create(customer=customer, total=10)

    assert Job.objects.get().kwargs == {"order_id": order.pk}


@pytest.mark.parametrize("command", ["demo", "test"])
def test_the_two_commands_are_there(text, command):
    assert f"./scripts/{command}" in text
    assert os.access(ROOT / "scripts" / command, os.X_OK)


def test_the_versions_are_those_of_the_package(text, project):
    classifiers = project["classifiers"]

    python = re.findall(r"^\| Python \| (.+) \|$", text, re.MULTILINE)
    django = re.findall(r"^\| Django \| (.+) \|$", text, re.MULTILINE)

    assert python == [", ".join(versions(classifiers, "Programming Language :: Python :: 3."))]
    assert django == [
        ", ".join(versions(classifiers, "Framework :: Django :: ")).replace("5.2", "5.2 LTS")
    ]


def versions(classifiers, prefix):
    """Return the versions that classifiers name, as they are written."""
    found = (line.rpartition(" :: ")[2] for line in classifiers if line.startswith(prefix))
    return sorted(found, key=lambda version: [int(part) for part in version.split(".")])


def test_the_status_is_the_version(text):
    assert ("pre-release" in text) == ("dev" in django_jobs.__version__)


def test_the_name_to_install_is_the_distribution(text, project):
    assert f"`{project['name']}`" in text
