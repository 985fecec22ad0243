"""The live line of runjobs."""

from __future__ import annotations

from io import StringIO

import psycopg
import pytest
from django.db import connection

from django_jobs import progress
from django_jobs.progress import LiveLine
from django_jobs.worker.gauges import Gauges
from tests.databases import url_of_test_database
from tests.rows import make_jobs, sql
from tests.threads import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


class Terminal:
    """What somebody sees who looks at the line."""

    def __init__(self, monkeypatch):
        # A look at each call.
        monkeypatch.setattr(progress, "REFRESH", 0.0)
        monkeypatch.setattr(progress, "LOOK", 0.0)
        self.stream, self.gauges = StringIO(), Gauges()
        self.line = LiveLine(self.stream, (), "default")

    def look(self):
        self.line.show([self.gauges])
        return self.stream.getvalue().rpartition("\x1b[2K")[2]


@pytest.fixture
def terminal(monkeypatch):
    return Terminal(monkeypatch)


def test_it_tells_what_waits_and_what_was_done(terminal):
    make_jobs(3)
    terminal.gauges.running, terminal.gauges.failed, terminal.gauges.processed = 2, 1, 1234

    assert terminal.look().endswith("2 running   3 waiting   1 failed   1,234 done")


def test_of_very_many_it_says_no_more_than_that(terminal, monkeypatch):
    monkeypatch.setattr(progress, "MOST", 2)
    make_jobs(3)

    assert "over 2 waiting" in terminal.look()


def test_an_outage_of_the_database_is_one_of_the_line_alone(terminal):
    # Given a line whose connection breaks
    make_jobs(3)
    ((backend,),) = sql("SELECT pg_backend_pid()")
    with psycopg.connect(url_of_test_database(past_proxy=True), autocommit=True) as session:
        session.execute("SELECT pg_terminate_backend(%s)", [backend])
        left = "SELECT 1 FROM pg_stat_activity WHERE pid = %s"
        wait_until(lambda: not session.execute(left, [backend]).fetchall())
    # When it is drawn
    assert "? waiting" in terminal.look()
    # Then it has closed the connection, and the next one tells again
    assert connection.connection is None
    assert "3 waiting" in terminal.look()


def test_nothing_of_it_is_left(terminal):
    terminal.look()
    terminal.line.clear()

    assert terminal.stream.getvalue().endswith("\r\x1b[2K")
