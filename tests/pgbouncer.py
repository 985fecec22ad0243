"""python -m tests.pgbouncer: tests with pgbouncer, in transaction mode, in front of the server."""

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

from tests.databases import SERVER

#: What is tested unless pytest is told otherwise.
CHOSEN = [
    "tests/lifecycle",
    "tests/engine",
    *(f"tests/test_{name}.py" for name in ("api", "notifications", "waiting")),
]

#: What docs/databases.md tells to set there.
AS_DOCUMENTED = {"DATABASE_PROXIED": "True", "DJANGO_JOBS_LISTEN": "False"}

#: Connections to each database of the server.
POOL = 40

#: Seconds until pgbouncer answers.
PATIENCE = 10

CONFIGURATION = """
[databases]
* = host={host} port={port} user={user}{password}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = any
auth_file = {users}
pool_mode = transaction
max_client_conn = 1000
default_pool_size = {pool}
ignore_startup_parameters = extra_float_digits,options
server_reset_query =
server_idle_timeout = 1
log_connections = 0
log_disconnections = 0
log_stats = 0
logfile = {log}
"""


def main() -> int:
    """Run pytest, with all connections of the tests and of their workers through pgbouncer."""
    if not is_installed():
        print("pgbouncer is not installed: nothing was tested.")
        return 1
    server = os.environ["DATABASE_URL"]
    with bouncing(server) as url:
        told = {"DATABASE_URL": url, SERVER: server, **AS_DOCUMENTED}
        command = [sys.executable, "-m", "pytest", *(sys.argv[1:] or [*CHOSEN, "-n", "2"])]
        return subprocess.run(command, env=os.environ | told, check=False).returncode


def is_installed() -> bool:
    """Tell whether this machine has pgbouncer."""
    return _program() is not None


def _program() -> str | None:
    # Debian has it where ordinary users do not look.
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")


@contextmanager
def bouncing(server: str, pool: int = POOL) -> Iterator[str]:
    """Start pgbouncer in front of the server of a URL, and give the URL through it."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        place = Path(folder)
        place.chmod(0o777)
        (place / "users.txt").write_text("")
        configuration = place / "pgbouncer.ini"
        configuration.write_text(_configured(server, port, pool, place))
        program = _program() or "pgbouncer"
        process = subprocess.Popen([program, "-q", *_owner(server), str(configuration)])
        try:
            _wait_for(port)
            yield f"postgres://{_user(server)}@127.0.0.1:{port}{urlsplit(server).path}"
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _configured(server: str, own_port: int, pool: int, place: Path) -> str:
    url = urlsplit(server)
    query = parse_qs(url.query)
    host = unquote(url.hostname or "") or query.get("host", ["localhost"])[0]
    port = url.port or int(query.get("port", ["5432"])[0])
    password = f" password='{unquote(url.password)}'" if url.password else ""
    return CONFIGURATION.format(
        host=host, port=port, user=_user(server), password=password, own_port=own_port, pool=pool,
        users=place / "users.txt", log=place / "pgbouncer.log",
    )  # fmt: skip


def _user(server: str) -> str:
    return urlsplit(server).username or "postgres"


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
