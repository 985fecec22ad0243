"""What the command tells a process manager by its exit code; 0 is with what ends in order."""

from __future__ import annotations

import socket

from django_jobs.models import Worker
from tests.lifecycle.conftest import worker_pids
from tests.threads import wait_until


def test_a_lone_worker_that_was_taken_for_dead_ends_with_3(runjobs):
    # Given a worker without a supervisor
    command = runjobs("--processes", "0")
    wait_until(worker_pids)
    # When others have taken it for dead
    Worker.objects.all().delete()
    # Then it stops itself, and says so
    assert command.ends() == 3, command.output
    assert "The worker stopped itself: its row is gone" in command.output


def test_what_cannot_work_ends_with_1_before_any_worker_starts(runjobs):
    # Given a port that somebody else listens on
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = str(taken.getsockname()[1])
        # When it is to be the port of a probe
        command = runjobs("--health-port", port)
        # Then that is refused
        assert command.ends() == 1
    assert f"Nothing can listen on 0.0.0.0 port {port}: Address already in use." in command.output
    assert "worker.started" not in command.output


def test_a_flag_that_makes_no_sense_ends_with_2(runjobs):
    assert runjobs("--stop-signal", "SIGKILL").ends() == 2
    assert runjobs("--reload", "--processes", "0").ends() == 2
