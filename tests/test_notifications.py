"""Waking workers: NOTIFY, throttled, and LISTEN on a connection of its own."""

from __future__ import annotations

import threading

import psycopg
import pytest
from django.db import connection, transaction

from django_jobs import engine, notifications
from django_jobs.notifications import CHANNEL, THROTTLE, Listener, notify, notify_worker
from tests import samples
from tests.databases import url_of_test_database
from tests.rows import make_job, sql
from tests.threads import DEADLINE, at_once, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


#: Behind pgbouncer in transaction mode NOTIFY goes through, and LISTEN is of no use.
listens = pytest.mark.session("LISTEN")


@pytest.fixture(autouse=True)
def unthrottled(monkeypatch, settings):
    """Forget what other tests have notified of, and what the environment says of LISTEN."""
    monkeypatch.setattr(notifications, "_notified", {})
    settings.DJANGO_JOBS = {}


@pytest.fixture
def heard():
    """Return a function that returns the queues notified of so far, and since the last call."""
    with psycopg.connect(url_of_test_database(past_proxy=True), autocommit=True) as ear:
        ear.execute(f"LISTEN {CHANNEL}")

        def hear():
            # Whatever was sent before this one comes before it.
            ear.execute("SELECT pg_notify(%s, 'end')", (CHANNEL,))
            heard: list[str] = []
            for note in ear.notifies(timeout=DEADLINE):
                if note.payload == "end":
                    return heard
                heard.append(note.payload)
            raise AssertionError("the last one never came")

        yield hear


@pytest.fixture
def listener_of():
    """Start listeners for one test; each comes with the events of its wake and its summons."""
    started = []

    def start(queues, worker=0):
        rung, summoned = threading.Event(), threading.Event()
        listener = Listener(rung.set, queues, "default", worker=worker, summon=summoned.set)
        started.append(listener)
        listener.start()
        assert rung.wait(DEADLINE), "the first wake never came"
        rung.clear()
        return listener, rung, summoned

    yield start
    for listener in started:
        listener.stop()
    for listener in started:
        listener.join(DEADLINE)
        assert not listener.is_alive()


@pytest.fixture
def listen(listener_of):
    """Start listeners; each comes with the event that it sets."""
    return lambda *queues: listener_of(queues)[:2]


class TestNotify:
    def test_enqueueing_notifies_of_the_queue_once(self, heard):
        samples.anything.enqueue()
        samples.send.enqueue(1)

        assert heard() == ["default", "mail"]

    def test_a_transaction_notifies_when_it_commits(self, heard):
        with transaction.atomic():
            samples.anything.enqueue()
            assert heard() == []

        assert heard() == ["default"]

    def test_a_rolled_back_transaction_notifies_nobody(self, heard):
        with transaction.atomic():
            samples.anything.enqueue()
            transaction.set_rollback(True)

        assert heard() == []

    def test_many_jobs_at_once_notify_once(self, heard, monkeypatch):
        monkeypatch.setattr(notifications, "THROTTLE", DEADLINE)
        for _ in range(20):
            notify("default", "default")

        assert heard() == ["default"]

    def test_after_a_while_it_notifies_again(self, heard, monkeypatch):
        notify("default", "default")
        before = notifications._notified["default", "default"]
        notifications._notified["default", "default"] = before - THROTTLE

        notify("default", "default")

        assert heard() == ["default"] * 2

    def test_it_can_be_turned_off(self, heard, settings):
        settings.DJANGO_JOBS = {"LISTEN": False}

        samples.anything.enqueue()

        assert heard() == []

    def test_a_lost_connection_is_logged_and_the_job_stays(self, caplog):
        def lose():
            connection.ensure_connection()
            connection.connection.close()
            notify("default", "default")

        at_once(lose)

        assert "notify.failed channel=django_jobs payload=default" in caplog.text


@listens
class TestSummons:
    @pytest.fixture
    def summon(self, listener_of):
        """Start listeners for workers; return the events of wake and summons."""
        return lambda worker: listener_of((), worker)[1:]

    def test_cancelling_a_running_job_summons_its_owner_alone(self, summon):
        # Given two workers that listen on connections of their own
        rung, owner = summon(7)
        _, other = summon(8)
        job = make_job("running", worker_id=7)
        # When a job of one of them is cancelled
        engine.cancel([job.pk], retention=60, using="default")
        # Then that one is told, and the other is not
        assert owner.wait(DEADLINE)
        notify_worker(8, "default")
        assert other.wait(DEADLINE)
        assert not rung.is_set()

    def test_a_rolled_back_cancellation_summons_nobody(self, summon):
        _, owner = summon(7)
        job = make_job("running", worker_id=7)

        with transaction.atomic():
            engine.cancel([job.pk], retention=60, using="default")
            transaction.set_rollback(True)

        assert not owner.is_set()

    def test_it_can_be_turned_off(self, summon, settings):
        _, owner = summon(7)
        settings.DJANGO_JOBS = {"LISTEN": False}

        notify_worker(7, "default")
        settings.DJANGO_JOBS = {}
        _, other = summon(8)
        notify_worker(8, "default")

        assert other.wait(DEADLINE)
        assert not owner.is_set()


@listens
class TestListener:
    def test_it_wakes_when_a_job_is_enqueued(self, listen):
        _, rung = listen()

        samples.anything.enqueue()

        assert rung.wait(DEADLINE)

    def test_it_wakes_for_its_queues_alone(self, listen):
        _, all_of_them = listen()
        _, mine = listen("mail")
        samples.anything.enqueue()
        assert all_of_them.wait(DEADLINE)
        assert not mine.is_set()

        samples.send.enqueue(1)

        assert mine.wait(DEADLINE)

    def test_it_comes_back_when_its_connection_is_killed(self, listen):
        _, rung = listen()

        killed = sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND query LIKE %s",
            f"LISTEN {CHANNEL}%",
        )

        assert killed
        assert rung.wait(DEADLINE), "it did not look for what it may have missed"
        rung.clear()
        samples.anything.enqueue()
        assert rung.wait(DEADLINE)

    def test_it_stops_when_told(self, listen):
        listener, _ = listen()

        listener.stop()

        wait_until(lambda: not listener.is_alive())
