"""A primary server and its standby, for tests of what happens when the primary goes away."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg

from postgres.account import choose_account
from postgres.cluster import DATABASE, SUPERUSER, Cluster
from postgres.errors import ServerError
from postgres.folders import run_folder
from postgres.programs import embedded_bindir
from postgres.server import temporary_server
from tests.threads import wait_until

#: Asks libpq for the host that can be written to, of all that answer.
WRITABLE = "target_session_attrs=read-write&connect_timeout=3"


@dataclass(frozen=True)
class Pair:
    """Two servers, known by the folders of their sockets; and one that is not there."""

    nobody: Path
    primary: Path
    standby: Path

    @property
    def hosts(self) -> str:
        """Return all hosts, as libpq wants them."""
        return f"{self.nobody},{self.primary},{self.standby}"

    @property
    def url(self) -> str:
        """Return the URL of whichever server can be written to."""
        return f"postgres://{SUPERUSER}@/{DATABASE}?host={self.hosts}&{WRITABLE}"

    def kill_primary(self) -> None:
        """Let the primary be gone, at once and for good."""
        pid = int((self.primary / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)

    def promote(self) -> None:
        """Let the standby be the primary."""
        ask(self.standby, "SELECT pg_promote()")


def is_possible() -> bool:
    """Tell whether there are programs to make servers with."""
    try:
        embedded_bindir()
    except ServerError:
        return False
    return True


@contextmanager
def pair() -> Iterator[Pair]:
    """Start both. What is committed on the primary is on the standby's disk too."""
    bindir = embedded_bindir()
    with temporary_server(bindir, fsync=False) as url, run_folder() as (folder, lock):
        (host,) = parse_qs(urlsplit(url).query)["host"]
        account = choose_account(folder / "data", bindir)
        if os.geteuid() == 0:
            shutil.chown(folder, account.uid, account.gid)
        copy = Cluster(folder / "data", bindir, account, fsync=False)
        source = ["--host", host, "--username", SUPERUSER, "--checkpoint=fast", "--no-sync"]
        copy.run(copy.command("pg_basebackup", *source, "--write-recovery-conf", "-D", copy.data))
        with copy.running(folder, folder / "server.log", [lock]):
            ask(host, "ALTER SYSTEM SET synchronous_standby_names = '*'")
            ask(host, "SELECT pg_reload_conf()")
            wait_until(lambda: ask(host, "SELECT sync_state FROM pg_stat_replication") == "sync")
            yield Pair(folder / "nobody", Path(host), folder)


def ask(host: str | Path, statement: str) -> object:
    """Return the first value of the first row of what one server says."""
    with psycopg.connect(
        host=str(host), user=SUPERUSER, dbname=DATABASE, autocommit=True
    ) as session:
        cursor = session.execute(statement)
        row = cursor.fetchone() if cursor.description else None
    return row[0] if row else None
