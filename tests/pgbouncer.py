"""python -m tests.pgbouncer: the lifecycle tests, with pgbouncer in front of the server."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

#: Seconds until pgbouncer answers.
PATIENCE = 10

CONFIGURATION = """
[databases]
* = host={host} port={port} user={user}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = any
auth_file = {users}
pool_mode = transaction
max_client_conn = 1000
default_pool_size = 40
ignore_startup_parameters = extra_float_digits,options
server_reset_query =
server_idle_timeout = 1
log_connections = 0
log_disconnections = 0
log_stats = 0
logfile = {log}
"""


def main() -> int:
    """Run pytest on the lifecycle tests, whose workers are sent through pgbouncer."""
    if shutil.which("pgbouncer") is None:
        print("pgbouncer is not installed: nothing was tested.")
        return 1
    with bouncing(os.environ["DATABASE_URL"]) as port:
        told = {
            "DJANGO_JOBS_TEST_PROXY": f"127.0.0.1:{port}",
            "DJANGO_JOBS_LISTEN": "False",
        }
        chosen = sys.argv[1:] or ["tests/lifecycle", "-n", "2"]
        command = [sys.executable, "-m", "pytest", *chosen]
        return subprocess.run(command, env=os.environ | told, check=False).returncode


@contextmanager
def bouncing(server: str) -> Iterator[int]:
    """Start pgbouncer in front of a server, and give its port."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        place = Path(folder)
        place.chmod(0o777)
        (place / "users.txt").write_text("")
        configuration = place / "pgbouncer.ini"
        configuration.write_text(_configured(server, port, place))
        process = subprocess.Popen(["pgbouncer", "-q", *_owner(server), str(configuration)])
        try:
            _wait_for(port)
            yield port
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _configured(server: str, own_port: int, place: Path) -> str:
    url = urlsplit(server)
    query = parse_qs(url.query)
    host = unquote(url.hostname or "") or query.get("host", ["localhost"])[0]
    port = url.port or int(query.get("port", ["5432"])[0])
    return CONFIGURATION.format(
        host=host, port=port, user=url.username or "postgres", own_port=own_port,
        users=place / "users.txt", log=place / "pgbouncer.log",
    )  # fmt: skip


def _owner(server: str) -> list[str]:
    """Return flags by which root becomes somebody who may use the server's socket."""
    if os.getuid() != 0:
        return []
    (folder,) = parse_qs(urlsplit(server).query).get("host", ["/"])
    owner = pwd.getpwuid(Path(folder).stat().st_uid).pw_name
    return ["-u", "nobody" if owner == "root" else owner]


def _wait_for(port: int) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if time.monotonic() > until:
            raise TimeoutError("pgbouncer does not answer")
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
