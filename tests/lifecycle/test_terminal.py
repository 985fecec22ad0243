"""What runjobs shows: a live line on a terminal, log lines elsewhere."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

from django_jobs import enqueue_many
from testproject.ledger.jobs import fail, nothing, take_time
from tests.lifecycle.conftest import CHECKOUT, environment


def test_on_a_terminal_a_live_line_tells_how_it_goes(transactional_db):
    # Given jobs that take a moment, and one that fails
    enqueue_many([take_time.job.with_kwargs(label="x", seconds=0.05)] * 40)
    fail.enqueue("no luck")
    # When they are run on a terminal
    shown = _on_a_terminal("--burst", "--concurrency", "2")
    # Then the line tells the rate, and what runs, waits, has failed and is done
    assert re.search(r"\d jobs/s +\d+ running +\d+ waiting +\d failed +\d+ done", shown), shown
    # And the failure stands in a line of its own, erased from the live one
    assert re.search(
        r"\r\x1b\[2K\S+ \S+ ERROR job.failed .*error='builtins.ValueError: no luck'", shown
    )
    assert "job.succeeded" not in shown
    # And the last line is the summary
    assert shown.rstrip().endswith("40 succeeded, 0 to be retried, 1 failed.")


def test_no_progress_shows_no_live_line(transactional_db):
    # Given a job
    nothing.enqueue()
    # When it is run on a terminal that wants no live line
    shown = _on_a_terminal("--burst", "--no-progress")
    # Then there are log lines as anywhere else
    assert "jobs/s" not in shown
    assert "job.succeeded id=" in shown


def test_elsewhere_each_event_is_one_line_of_keys_and_values(runjobs):
    # Given a job that succeeds and one that fails with a message of two lines
    nothing.enqueue()
    fail.enqueue("one\ntwo")
    # When they are run
    command = runjobs("--burst", "--processes", "0")
    assert command.ends() == 0
    # Then each line is one event
    lines = command.output.splitlines()
    assert len(lines) == 5, command.output
    pattern = (
        r"\S+ \S+ (INFO|ERROR) (worker\.started|job\.succeeded|job\.failed|worker\.stopped) .*="
    )
    assert all(re.match(pattern, line) for line in lines[:-1]), command.output


def _on_a_terminal(*flags: str) -> str:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "runjobs", *flags],
        cwd=CHECKOUT,
        env=environment(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        shown += chunk
    os.close(ours)
    assert process.wait(30) == 0, shown
    return shown.decode()
