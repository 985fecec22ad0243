"""The folder of one run: private, locked while in use, deleted at the end."""

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

PREFIX = "django-jobs-pg-"


def hold(path: Path) -> int | None:
    """Lock the file and return its descriptor, or None where another process has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def temporary_root() -> Path:
    """Return a folder for sockets: short enough (107 bytes), and without a comma or a space."""
    root = tempfile.gettempdir()
    return Path(root if re.fullmatch(r"[A-Za-z0-9_./+-]{1,60}", root) else "/tmp")  # noqa: S108


def sweep(root: Path) -> None:
    """Delete what runs that were killed have left behind."""
    for folder in root.glob(f"{PREFIX}*"):
        # Of a server that is still going down, the lock is held: the server inherits it.
        with contextlib.suppress(OSError):
            descriptor = hold(folder / "lock") if (folder / "lock").exists() else None
            if descriptor is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(descriptor)


@contextlib.contextmanager
def run_folder() -> Iterator[tuple[Path, int]]:
    """Make the private folder of this run, with its lock, and delete it at the end."""
    root = temporary_root()
    sweep(root)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
    try:
        descriptor = hold(folder / "new")
        assert descriptor is not None
        # Renamed when it is held: no sweep can find it free before.
        (folder / "new").rename(folder / "lock")
        with os.fdopen(descriptor):
            yield folder, descriptor
    finally:
        shutil.rmtree(folder, ignore_errors=True)
