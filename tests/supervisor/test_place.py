"""A place for a worker process, and what becomes of one that does not leave."""

from __future__ import annotations

import logging
import os
import signal

import pytest

from django_jobs.logs import LogStyle
from django_jobs.orders import WorkerOptions
from django_jobs.recorder import CONTEXT
from django_jobs.supervisor import place
from django_jobs.supervisor.child import Post


@pytest.mark.usefixtures("test_database_for_children")
def test_a_process_that_does_not_leave_in_time_is_killed(monkeypatch, caplog):
    monkeypatch.setattr(place, "LEEWAY", 0.0)
    # Given a worker process that hears nothing any more
    one = place.Place.vacant(jobs=10)
    post = Post(
        options=WorkerOptions(),
        gauges=one.gauges,
        recorder=one.recorder,
        siblings=[],
        order=CONTEXT.RawValue("i", 0),
        budget=None,
        log_style=LogStyle(logging.WARNING),
    )
    one.fill(post)
    assert one.process is not None
    assert one.process.pid is not None
    os.kill(one.process.pid, signal.SIGSTOP)
    try:
        # When it is told to leave at once
        one.dismiss(0.0)
        one.await_end()
        # Then it is killed, and that is told
        one.process.join(20)
        assert one.cause_of_death() == "was killed by SIGKILL"
    finally:
        one.process.kill()
    assert f"worker.killed pid={one.process.pid}" in caplog.text
