"""Which files of a project have changed while its workers run, for development."""

from __future__ import annotations

import sysconfig
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from django.apps import apps
from django.utils.autoreload import StatReloader, autoreload_started

#: Where installed packages are: edited rarely, and too many to look for new files in.
_INSTALLED = [Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib", "stdlib")]


class Watcher(StatReloader):
    """Looks once a second at the files that Django's own reloader looks at, and some more.

    Those are the modules that are imported here, templates and translations. The others are
    everything in the project's apps and in ``modules``: workers may have imported it, and a file
    that was missing may be there now.
    """

    def __init__(self, modules: Sequence[str] = ()) -> None:
        """``modules`` are import paths outside the apps that jobs may come from."""
        super().__init__()
        self._found: deque[Path] = deque()
        # Other apps add what they want to be watched.
        autoreload_started.send(sender=self)
        for directory in _apps():
            self.watch_dir(directory, "**/*.py")
        for name in modules:
            self._watch_module(name)
        self._since = time.time()
        self._known = dict(self.snapshot_files())

    def start(self) -> None:
        """Look once a second from now on, in a thread."""
        threading.Thread(target=self._watch, name="job-reloader", daemon=True).start()

    def look(self) -> None:
        """Compare the files with what they were at the last look."""
        now = dict(self.snapshot_files())
        for path, modified in now.items():
            known = self._known.get(path)
            if modified > self._since if known is None else modified != known:
                self._found.append(path)
        # An editor may replace a file: what is gone for a moment stays known.
        self._known |= now

    def changed(self) -> list[str]:
        """Return the files that have changed since this was last asked."""
        paths = set()
        while self._found:
            paths.add(str(self._found.popleft()))
        return sorted(paths)

    def _watch_module(self, name: str) -> None:
        try:
            spec = find_spec(name)
        except (ImportError, ValueError):
            return
        for place in (spec.submodule_search_locations or ()) if spec else ():
            self.watch_dir(place, "**/*.py")
        if spec and spec.has_location and spec.origin:
            self.extra_files.add(Path(spec.origin).resolve())

    def _watch(self) -> None:
        while not self.should_stop:
            time.sleep(self.SLEEP_TIME)
            try:
                self.look()
            except OSError:  # a directory went away under our eyes: the next look will do
                continue


def _apps() -> Iterator[Path]:
    for config in apps.get_app_configs():
        path = Path(config.path).resolve()
        if not any(path.is_relative_to(place) for place in _INSTALLED):
            yield path
