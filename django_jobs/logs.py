"""Log lines of workers: one for each event, ``event key=value …``."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass

from django_jobs.faults import fault_of

logger = logging.getLogger("django_jobs")

#: Goes to the start of a terminal's line and erases what stands there: the live line.
_ERASE = "\r\x1b[2K"


@dataclass(frozen=True)
class LogStyle:
    """How a worker's own log lines look where the project's settings send them nowhere."""

    level: int
    #: Whether a live line shares the terminal.
    erase: bool = False

    def apply(self) -> None:
        """Write log lines to standard error, unless somebody else handles them."""
        if logger.hasHandlers():
            return
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_OneLine(_ERASE if self.erase else ""))
        logger.addHandler(handler)
        logger.setLevel(self.level)


class _OneLine(logging.Formatter):
    """One line an event: an error is named; its traceback is kept with the job."""

    def __init__(self, prefix: str) -> None:
        super().__init__(f"{prefix}%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        record.message = record.getMessage()
        record.asctime = self.formatTime(record)
        line = self.formatMessage(record)
        if record.exc_info and record.exc_info[1]:
            fault = fault_of(record.exc_info[1])
            line += f" error={' '.join(f'{fault.exception}: {fault.message}'.split())!r}"
        return line
