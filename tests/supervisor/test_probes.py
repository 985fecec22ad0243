"""What a process manager sees of the workers."""

from __future__ import annotations

import http.client
import os
import socket

import pytest

from django_jobs.supervisor import probes
from django_jobs.supervisor.health import Health, Vital
from django_jobs.supervisor.probes import HealthServer, HeartbeatFile, Probes
from tests.threads import wait_until

HERE = "127.0.0.1"


def address(server) -> tuple[str, int]:
    """Return where a server listens."""
    host, port = server.server_address[:2]
    return str(host), port


class Patient:
    """One process that is as well as the test says."""

    ailment = ""

    def vitals(self):
        return [Vital("worker 1", beats=1, ailment=self.ailment)]


@pytest.fixture
def patient():
    return Patient()


@pytest.fixture
def ask(patient):
    """Return a function that asks a running server, and returns the status and the body."""
    health = Health(patient.vitals, timeout=30)
    server = HealthServer(health, HERE, 0)

    def send(method, path):
        connection = http.client.HTTPConnection(*address(server), timeout=10)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    with Probes(health, server, None):
        yield send


def test_workers_that_are_well_are_ok(ask):
    assert ask("GET", "/healthz") == (200, "OK\n")
    assert ask("GET", "/healthz?verbose=1") == (200, "OK\n")
    assert ask("HEAD", "/healthz") == (200, "")


def test_a_sick_worker_is_named_with_what_is_wrong(ask, patient):
    patient.ailment = "its process was killed by SIGKILL"
    assert ask("GET", "/healthz") == (
        503,
        "UNHEALTHY worker 1: its process was killed by SIGKILL\n",
    )
    assert ask("HEAD", "/healthz") == (503, "")


def test_there_is_nothing_else_to_see(ask):
    assert ask("GET", "/")[0] == 404
    assert ask("GET", "/healthz/")[0] == 404
    assert ask("HEAD", "/metrics") == (404, "")
    assert ask("POST", "/healthz")[0] == 501


def test_a_port_that_is_taken_is_refused():
    with socket.create_server((HERE, 0)) as taken, pytest.raises(OSError, match="in use"):
        HealthServer(Health(list, timeout=30), HERE, taken.getsockname()[1])


@pytest.mark.skipif(not socket.has_ipv6, reason="this Python has no IPv6")
def test_an_address_of_ipv6_is_understood(patient):
    try:
        server = HealthServer(Health(patient.vitals, timeout=30), "::1", 0)
    except OSError:
        pytest.skip("this machine has no IPv6")
    assert server.socket.family is socket.AF_INET6
    server.server_close()


def test_a_client_that_says_nothing_holds_up_neither_others_nor_the_end(patient):
    # Given a client that connects and says nothing
    health = Health(patient.vitals, timeout=30)
    server = HealthServer(health, HERE, 0)
    with Probes(health, server, None), socket.create_connection(address(server)):
        # When another one asks
        connection = http.client.HTTPConnection(*address(server), timeout=10)
        connection.request("GET", "/healthz")
        # Then it is answered, and the block ends
        assert connection.getresponse().status == 200
        connection.close()


def test_the_port_is_free_after_the_end(patient):
    health = Health(patient.vitals, timeout=30)
    server = HealthServer(health, HERE, 0)
    with Probes(health, server, None):
        port = server.server_address[1]
    HealthServer(health, HERE, port).server_close()


# A file -----------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path):
    return tmp_path / "heartbeat"


class Ward:
    """One process whose vital the test sets, and how often somebody looked at it."""

    vital = Vital("worker 1", beats=1)
    looks = 0

    def vitals(self):
        self.looks += 1
        return [self.vital]

    def wait_for_looks(self, count):
        until = self.looks + count
        wait_until(lambda: self.looks >= until)


def test_the_file_is_kept_young_while_all_is_well_and_only_then(path, monkeypatch):
    monkeypatch.setattr(probes, "LOOK", 0.01)
    # Given a file that is watched over
    ward = Ward()
    with Probes(Health(ward.vitals, timeout=30), None, HeartbeatFile(str(path))):
        # Then it gets young again and again
        for _ in range(3):
            os.utime(path, (0, 0))
            wait_until(lambda: path.stat().st_mtime > 0)
        # When a worker is sick, and that was seen
        ward.vital = Vital("worker 1", beats=1, ailment="gone")
        ward.wait_for_looks(2)
        # Then it gets old, however often they look
        os.utime(path, (0, 0))
        ward.wait_for_looks(3)
        assert path.stat().st_mtime == 0
    # And at the end it is gone
    assert not path.exists()


def test_an_existing_file_is_taken_over_and_keeps_what_is_in_it(path):
    path.write_text("mine")
    HeartbeatFile(str(path)).renew()
    assert path.read_text() == "mine"


@pytest.mark.parametrize("where", [".", "nowhere/heartbeat"])
def test_a_file_that_cannot_be_written_is_refused(tmp_path, where):
    with pytest.raises(OSError, match=r"directory"):
        HeartbeatFile(str(tmp_path / where))


def test_a_file_that_cannot_be_written_any_more_is_told_of_once(tmp_path, caplog):
    # Given a file in a directory that goes away
    (tmp_path / "run").mkdir()
    file = HeartbeatFile(str(tmp_path / "run" / "heartbeat"))
    (tmp_path / "run" / "heartbeat").unlink()
    (tmp_path / "run").rmdir()
    # When it is to be renewed twice
    file.renew()
    file.renew()
    # Then that is told once
    assert caplog.text.count("probe.failed") == 1
    # And so is that there is nothing to remove
    file.remove()
    assert caplog.text.count("probe.failed") == 2
    # And it is made when it can be
    (tmp_path / "run").mkdir()
    file.renew()
    assert (tmp_path / "run" / "heartbeat").exists()
