"""What goes to a process that may not read it, or not now."""

from __future__ import annotations

import threading
from multiprocessing.connection import Connection
from queue import SimpleQueue

#: Seconds until a thread that writes to a dead process has noticed.
CLOSING = 1.0


class Outbox:
    """Sends messages in a thread of its own, in order.

    A process that holds its interpreter's lock reads nothing, and one that is sending what its
    parent does not read neither: whoever looks after processes must not wait for one of them.
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._messages: SimpleQueue[tuple[object] | None] = SimpleQueue()
        #: Whether nobody is there any more to read.
        self.is_broken = False
        self._thread = threading.Thread(target=self._run, name="job-outbox", daemon=True)
        self._thread.start()

    def send(self, message: object) -> None:
        """Send a message, after those before it."""
        self._messages.put((message,))

    def close(self) -> None:
        """Send nothing more, and close the pipe."""
        self._messages.put(None)
        self._thread.join(CLOSING)
        self._pipe.close()

    def _run(self) -> None:
        while (waiting := self._messages.get()) is not None:
            try:
                self._pipe.send(*waiting)
            except OSError:
                self.is_broken = True
                return
