"""How a process manager learns whether the workers are well: over HTTP, or by a young file."""

from __future__ import annotations

import logging
import os
import socket
import socketserver
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from types import TracebackType

from django_jobs.supervisor.health import Health

logger = logging.getLogger("django_jobs")

#: Seconds between two looks at the workers.
LOOK = 1.0
#: Seconds after which a client that says nothing is left alone.
PATIENCE = 5.0


class HealthServer(socketserver.ThreadingTCPServer):
    """Answers ``GET /healthz``: 200 and OK, or 503 and what is wrong."""

    allow_reuse_address = True
    daemon_threads = True
    # An idle client must not hold up the end of the command.
    block_on_close = False

    def __init__(self, health: Health, host: str, port: int) -> None:
        """Raise OSError where the address cannot be had."""
        self.health = health
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Answer)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that went away in the middle is its own affair."""


class _Answer(BaseHTTPRequestHandler):
    server_version, sys_version = "django_jobs", ""
    timeout = PATIENCE
    server: HealthServer

    def do_GET(self) -> None:
        """Answer a probe."""
        self._send(*self._answer(), with_body=True)

    def do_HEAD(self) -> None:
        """Answer a probe that wants the status alone."""
        self._send(*self._answer(), with_body=False)

    def _answer(self) -> tuple[HTTPStatus, str]:
        if self.path.partition("?")[0] != "/healthz":
            return HTTPStatus.NOT_FOUND, "NOT FOUND\n"
        wrong = self.server.health.look()
        if wrong:
            return HTTPStatus.SERVICE_UNAVAILABLE, "".join(f"UNHEALTHY {line}\n" for line in wrong)
        return HTTPStatus.OK, "OK\n"

    def _send(self, status: HTTPStatus, text: str, *, with_body: bool) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: probes come every few seconds."""


class HeartbeatFile:
    """A file whose time of modification is the last moment at which all was well."""

    def __init__(self, path: str) -> None:
        """Make the file, or raise OSError."""
        self._path, self._fails = path, False
        self._touch()

    def renew(self) -> None:
        """Make the file young; a failure is logged once, and tried again at the next call."""
        try:
            self._touch()
            self._fails = False
        except OSError as error:
            if not self._fails:
                logger.warning("probe.failed file=%s error=%s", self._path, error)
            self._fails = True

    def remove(self) -> None:
        """Remove the file: nobody is left to be well."""
        try:
            os.unlink(self._path)
        except OSError as error:
            logger.warning("probe.failed file=%s error=%s", self._path, error)

    def _touch(self) -> None:
        # Opened, and not only touched: what cannot be written must not pass as a heartbeat.
        with open(self._path, "ab"):
            os.utime(self._path)


class Probes:
    """Keeps watch in threads of its own for as long as its ``with`` block lasts."""

    def __init__(self, health: Health, server: HealthServer | None, file: HeartbeatFile | None):
        self._health, self._server, self._file = health, server, file
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._watch, name="job-health", daemon=True)]
        if server is not None:
            self._threads.append(
                threading.Thread(
                    target=server.serve_forever, args=(0.1,), name="job-probe", daemon=True
                )
            )

    def __enter__(self) -> Probes:
        for thread in self._threads:
            thread.start()
        if self._server is not None:
            logger.info("probe.listening address=%s port=%s", *self._server.server_address[:2])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        for thread in self._threads:
            thread.join()
        if self._file is not None:
            self._file.remove()

    def _watch(self) -> None:
        while not self._stopping.is_set():
            if not self._health.look() and self._file is not None:
                self._file.renew()
            self._stopping.wait(LOOK)
