"""A data folder and the server that runs on it."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .account import Account
from .errors import ServerError
from .parent import die_with_parent
from .programs import server_major

DATABASE = "django_jobs"
SUPERUSER = "postgres"
# The tests run many workers at once, each with several connections.
MAX_CONNECTIONS = 400
# Seconds: until a server must be ready; until one that stops is told more firmly.
START_DEADLINE, STOP_DEADLINE = 60.0, 30.0


@dataclass(frozen=True)
class Cluster:
    """A data folder, and the programs, user and durability to run it with."""

    data: Path
    bindir: Path
    account: Account
    fsync: bool

    def command(self, program: str, *args: str | Path) -> list[str]:
        """Build the command line of one of the server's programs."""
        return [*self.account.prefix, str(self.bindir / program), *map(str, args)]

    def run(self, command: Sequence[str], stdin: str = "") -> None:
        """Run a program to its end, as the server's user."""
        done = subprocess.run(
            command,
            input=stdin,
            cwd="/",
            env=server_environment(),
            text=True,
            capture_output=True,
            check=False,
            **self.account.popen_options(),
        )
        if done.returncode:
            raise ServerError(f"{command[-1]}: {done.stdout}{done.stderr}")

    def create(self) -> None:
        """Make the data folder and the database, all or nothing."""
        fresh = self.data.with_name("data.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(fresh, self.account.uid, self.account.gid)
        options = ["--no-locale", "--encoding=UTF8", "--auth=trust", f"--username={SUPERUSER}"]
        sync = [] if self.fsync else ["--no-sync"]
        self.run(self.command("initdb", *options, *sync, "--pgdata", fresh))
        single = self.command("postgres", "--single", "-D", fresh, SUPERUSER)
        self.run(single, stdin=f"CREATE DATABASE {DATABASE}\n")
        fresh.rename(self.data)

    def check(self) -> None:
        """Refuse data that this server or this user cannot use."""
        if os.geteuid() not in (0, self.data.stat().st_uid):
            owner = self.data.stat().st_uid
            raise ServerError(f"{self.data} belongs to the user {owner}: delete it, or use --data.")
        made_by = (self.data / "PG_VERSION").read_text().strip()
        if made_by != str(major := server_major(self.bindir)):
            raise ServerError(
                f"{self.data} was made by PostgreSQL {made_by}, and this is {major}: "
                "delete the folder, or use another --data."
            )

    @contextlib.contextmanager
    def running(self, sockets: Path, log: Path, locks: Sequence[int]) -> Iterator[str]:
        """Start the server, give its URL, and stop it at the end."""
        # The locks are ours, so no server lives on this data: the file is a dead one's, and
        # the number in it may be another process's by now.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        durability = [] if self.fsync else ["-c", "fsync=off", "-c", "full_page_writes=off"]
        settings = ["-c", "listen_addresses=", "-c", f"max_connections={MAX_CONNECTIONS}"]
        where: list[str | Path] = ["-D", self.data, "-k", sockets, "-p", "5432"]
        with log.open("wb") as output:
            server = subprocess.Popen(
                self.command("postgres", *where, *settings, *durability),
                cwd="/",
                env=server_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # A Ctrl-C is for the command: the server goes when the command has gone.
                start_new_session=True,
                pass_fds=locks,
                preexec_fn=lambda: die_with_parent(signal.SIGINT),
                **self.account.popen_options(),
            )
        try:
            yield wait_until_ready(server, self.data, log)
        finally:
            stop(server)


def server_environment() -> dict[str, str]:
    """Return the environment without what would change the server's behaviour."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    return kept | {"LC_ALL": "C"}


def ready_url(data: Path) -> str | None:
    """Return the URL of the server that runs on the data, once it takes connections."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    if len(lines) < 8 or lines[7].strip() not in {"ready", "standby"}:
        return None
    return f"postgres://{SUPERUSER}@/{DATABASE}?host={quote(lines[4], safe='/')}"


def wait_until_ready(server: subprocess.Popen[Any], data: Path, log: Path) -> str:
    """Wait until the server takes connections and return its URL."""
    deadline = time.monotonic() + START_DEADLINE
    while server.poll() is None and time.monotonic() < deadline:
        if url := ready_url(data):
            return url
        time.sleep(0.02)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
    raise ServerError(f"PostgreSQL did not start. The end of its log:\n{tail}")


def stop(server: subprocess.Popen[Any]) -> None:
    """Stop the server: politely, then at once, then by force."""
    for signum in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        server.send_signal(signum)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(STOP_DEADLINE)
            return
