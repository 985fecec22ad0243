"""Files at which jobs wait: nothing of it is in the database, so no transaction hides it."""

from __future__ import annotations

from pathlib import Path

from django_jobs import JobSpec


class FileGate:
    """A place where jobs say that they have begun, and wait until they are let go."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self.path = str(folder / "gate")

    def spec(self, function: str) -> JobSpec:
        """Return a job of ``function`` that waits here."""
        return JobSpec(func=function, kwargs={"gate": self.path})

    @property
    def begun(self) -> list[int]:
        """Return the ids of the processes of the runs that have come here."""
        return sorted(int(path.name.split(".")[1]) for path in self._folder.glob("*.begun"))

    def let_go(self) -> None:
        """Let all jobs go on, also those that come later."""
        (self._folder / "gate.open").touch()
