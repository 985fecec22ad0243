"""A server for one run: on temporary data, or on data that stay."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from .account import choose_account
from .cluster import START_DEADLINE, Cluster, ready_url
from .errors import ServerError
from .folders import hold, run_folder


@contextlib.contextmanager
def temporary_server(bindir: Path, *, fsync: bool) -> Iterator[str]:
    """Run a server whose data go with it, and give its URL."""
    with run_folder() as (folder, lock), serve(folder, folder, [lock], bindir, fsync) as url:
        yield url


@contextlib.contextmanager
def kept_server(state: Path, bindir: Path, *, fsync: bool) -> Iterator[str]:
    """Run a server on the data in `state`, or use the one that another run has started there."""
    state.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + START_DEADLINE
    while (lock := hold(state / "lock")) is None:
        if url := ready_url(state / "data"):
            yield url
            return
        if time.monotonic() > deadline:
            raise ServerError(f"Another run holds {state}, and its server does not become ready.")
        time.sleep(0.05)
    with (
        os.fdopen(lock),
        run_folder() as (folder, folder_lock),
        serve(state, folder, [lock, folder_lock], bindir, fsync) as url,
    ):
        yield url


@contextlib.contextmanager
def serve(state: Path, sockets: Path, locks: list[int], bindir: Path, fsync: bool) -> Iterator[str]:
    """Start the server, on new data where there are none yet."""
    account = choose_account(state / "data", bindir)
    if os.geteuid() == 0:
        os.chown(sockets, account.uid, account.gid)
    cluster = Cluster(state / "data", bindir, account, fsync)
    if not cluster.data.exists():
        cluster.create()
    cluster.check()
    with cluster.running(sockets, state / "server.log", locks) as url:
        yield url
