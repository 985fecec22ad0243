"""manage.py jobs top at a real terminal: it draws, follows the size, and gives all back."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest

from tests.pages import ROOT
from tests.rows import make_job

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"


class Live:
    """The command at a terminal of its own."""

    def __init__(self, *words: str) -> None:
        self.master, slave = pty.openpty()
        self.before = termios.tcgetattr(slave)
        self.resize(24, 100)
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "jobs", "top", *words],
            cwd=ROOT, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        self.slave = slave
        self.seen = self.left = b""

    def resize(self, lines: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def until(self, text: bytes, seconds: float = 20) -> bytes:
        """Read until a text comes, and return what came before it and with it."""
        end, came = time.monotonic() + seconds, self.left
        while text not in came:
            left = end - time.monotonic()
            assert left > 0, came
            if select.select([self.master], [], [], left)[0]:
                came += os.read(self.master, 65536)
        before, found, self.left = came.partition(text)
        self.seen += before + found
        return before + found

    def leave(self) -> None:
        """End it as its first line says."""
        self.press(b"q")
        self.until(LEAVE)
        assert self.process.wait(timeout=10) == 0

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.slave)
        os.close(self.master)


@pytest.fixture
def live(transactional_db, test_database_for_children):
    started: list[Live] = []

    def start(*words):
        started.append(Live(*words))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.mark.parametrize("leaving", [b"q", b"\x03"], ids=["q", "ctrl-c"])
def test_it_draws_again_and_again_and_leaves_the_terminal_as_it_was(leaving, live):
    # Given
    top = live("--interval", "0.2")
    top.until(ENTER)
    top.until(b"No worker is alive.")
    assert termios.tcgetattr(top.slave)[3] & termios.ICANON == 0

    # When
    make_job("running")

    # Then
    top.until(b"1 running job\x1b")

    # When
    top.press(leaving)

    # Then
    top.until(LEAVE)
    assert top.process.wait(timeout=10) == 0
    assert termios.tcgetattr(top.slave) == top.before
    assert b"Traceback" not in top.seen


def test_it_follows_the_size_at_once(live):
    # Given
    top = live("--interval", "3600")
    top.until(b"q to leave")
    top.until(b"0 running jobs")
    top.until(b"\x1b[J")

    # When
    top.resize(3, 12)

    # Then
    drawn = top.until(b"\x1b[J")
    lines = drawn.partition(b"\x1b[H")[2].replace(b"\x1b[K", b"").replace(b"\x1b[J", b"")
    assert [len(line) <= 12 for line in lines.split(b"\r\n")] == [True] * 3
    top.leave()


def test_stopped_by_ctrl_z_it_gives_the_terminal_back_and_takes_it_again(live):
    # Given
    top = live("--interval", "3600")
    top.until(b"0 running jobs")

    # When
    top.press(b"\x1a")

    # Then
    top.until(LEAVE)
    _, status = os.waitpid(top.process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    assert termios.tcgetattr(top.slave) == top.before
    top.process.send_signal(signal.SIGCONT)
    top.until(ENTER)
    top.until(b"0 running jobs")
    top.leave()


def test_a_signal_ends_it_cleanly(live):
    # Given
    top = live()
    top.until(b"0 running jobs")

    # When
    top.process.terminate()

    # Then
    top.until(LEAVE)
    assert top.process.wait(timeout=10) == 128 + signal.SIGTERM
    assert termios.tcgetattr(top.slave) == top.before


def test_told_to_show_it_once_it_does_not_take_the_terminal_over(live):
    top = live("--once")

    said = top.until(b"0 running jobs")

    assert top.process.wait(timeout=10) == 0
    assert ENTER not in said
