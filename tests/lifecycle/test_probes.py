"""What a process manager sees of workers that live, stop and hang."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import closing
from http.client import HTTPConnection

from tests.lifecycle.conftest import HEARTBEAT_TIMEOUT, worker_pids
from tests.threads import wait_until


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def ask(port: int) -> tuple[int, str]:
    """Return the answer of the probe; 0 where nobody answers."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        try:
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except ConnectionError:
            return 0, ""


def test_a_worker_that_hangs_is_told_of_until_it_is_replaced(runjobs):
    # Given two workers that are well
    port = free_port()
    command = runjobs("--processes", "2", "--health-port", str(port))
    wait_until(lambda: len(worker_pids()) == 2 and ask(port) == (200, "OK\n"))
    # When one hangs
    victim = worker_pids()[0]
    os.kill(victim, signal.SIGSTOP)
    # Then the probe fails, and names it alone
    wait_until(lambda: ask(port)[0] == 503)
    (line,) = ask(port)[1].splitlines()
    assert line.startswith("UNHEALTHY worker ")
    assert f"(pid {victim}): no sign of life for " in line
    # When it wakes, it stops itself, and another takes its place
    os.kill(victim, signal.SIGCONT)
    wait_until(lambda: ask(port) == (200, "OK\n"))
    wait_until(lambda: victim not in worker_pids() and len(worker_pids()) == 2)
    # And at the end nobody answers
    command.send(signal.SIGTERM)
    assert command.ends() == 0, command.output
    assert ask(port)[0] == 0


def test_a_lone_worker_has_a_probe_and_a_heartbeat_file_too(runjobs, tmp_path):
    # Given a worker without a supervisor
    port, path = free_port(), tmp_path / "heartbeat"
    command = runjobs("--processes", "0", "--health-port", str(port), "--heartbeat-file", str(path))
    # Then it is well, for longer than its heartbeats may be old
    wait_until(lambda: worker_pids() and ask(port) == (200, "OK\n"))
    os.utime(path, (0, 0))
    began = time.monotonic()
    wait_until(lambda: time.monotonic() - began > HEARTBEAT_TIMEOUT + 0.5)
    assert ask(port) == (200, "OK\n")
    assert path.stat().st_mtime > 0
    # And its file goes with it
    command.send(signal.SIGTERM)
    assert command.ends() == 0, command.output
    assert not path.exists()


def test_the_heartbeat_file_gets_old_while_a_worker_hangs(runjobs, tmp_path):
    # Given a worker that is well
    path = tmp_path / "heartbeat"
    command = runjobs("--heartbeat-file", str(path))
    wait_until(lambda: worker_pids() and path.exists())
    os.utime(path, (0, 0))
    wait_until(lambda: path.stat().st_mtime > 0)
    # When it hangs for longer than its heartbeats may be old
    (victim,) = worker_pids()
    os.kill(victim, signal.SIGSTOP)
    stopped = time.monotonic()
    wait_until(lambda: time.monotonic() - stopped > HEARTBEAT_TIMEOUT + 1.5)
    # Then the file is touched no more
    os.utime(path, (0, 0))
    looked = time.monotonic()
    wait_until(lambda: time.monotonic() - looked > 1.5)
    assert path.stat().st_mtime == 0, command.output
    # And again when another one has taken its place
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: path.stat().st_mtime > 0)
