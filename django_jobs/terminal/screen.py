"""A terminal that a live view is drawn on: raw keys, its own page, and the size that it has now."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import time
import tty
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, Self, TextIO

#: The other page of the terminal with the cursor hidden, and back again.
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _END_OF_LINE, _END_OF_PAGE = "\x1b[H", "\x1b[K", "\x1b[J"
#: Seconds after which the size is looked at in any case: not every terminal tells of a new one.
LOOK = 1.0
#: Signals at which the terminal is to be left as it was found.
_ENDS = (signal.SIGTERM, signal.SIGHUP)


class Screen:
    """Takes the terminal over for as long as it is entered, and always gives it back."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._keys = sys.stdin.fileno()
        self._former: list[Any] = []
        self._handlers: dict[int, Any] = {}
        #: Wakes the wait when the size changes: select goes on by itself after a signal.
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        self._size = os.terminal_size((0, 0))

    def __enter__(self) -> Self:
        self._take()
        for number in _ENDS:
            self._handlers[number] = signal.signal(number, _end)
        self._handlers[signal.SIGWINCH] = signal.signal(signal.SIGWINCH, self._wake)
        self._handlers[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, self._stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._give_back()
        os.close(self._woken)
        os.close(self._waker)

    def _take(self) -> None:
        self._former = termios.tcgetattr(self._keys)
        tty.setcbreak(self._keys)
        self._stream.write(_ENTER)
        self._stream.flush()

    def _give_back(self) -> None:
        termios.tcsetattr(self._keys, termios.TCSADRAIN, self._former)
        self._stream.write(_LEAVE)
        self._stream.flush()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        """Stop as Ctrl-Z says, with the terminal given back meanwhile."""
        self._give_back()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._take()
        self._wake(number, frame)

    def draw(self, lines: Sequence[str]) -> None:
        """Write lines, cut to the size that the terminal has now."""
        # Not by shutil: the environment may say a size that was true once.
        self._size = os.get_terminal_size(self._stream.fileno())
        width, height = self._size
        shown = [line[:width] for line in lines[:height]]
        # Line by line over what is there: to clear the page first would make it flicker.
        text = f"{_END_OF_LINE}\n".join(shown)
        self._stream.write(f"{_HOME}{text}{_END_OF_LINE}{_END_OF_PAGE}")
        self._stream.flush()

    def key(self, seconds: float) -> str:
        """Return the key that is pressed within some seconds; nothing where the size changes."""
        end = time.monotonic() + seconds
        while True:
            left = max(end - time.monotonic(), 0)
            ready, _, _ = select.select([self._keys, self._woken], [], [], min(left, LOOK))
            if self._woken in ready:
                os.read(self._woken, 1024)
                return ""
            if self._keys in ready:
                return os.read(self._keys, 1).decode("ascii", "replace") or "q"  # its end: hung up
            if left <= LOOK or self._size != os.get_terminal_size(self._stream.fileno()):
                return ""

    def _wake(self, number: int, frame: FrameType | None) -> None:
        with suppress(BlockingIOError):  # it was woken many times already
            os.write(self._waker, b"!")


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
