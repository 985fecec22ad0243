"""What this project promises to run on, and where a machine has it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from postgres.errors import ServerError
from postgres.programs import embedded_bindir, server_major

ROOT = Path(__file__).resolve().parent.parent
#: The oldest that Django 6.1 takes, and the newest there is.
POSTGRES = ("15", "18")
#: The first Python that a major version of Django takes, where it is not our own first.
FIRST_PYTHON = {"6": (3, 12)}


@dataclass(frozen=True)
class Combination:
    """One Python, one Django and one PostgreSQL."""

    python: str
    django: str
    postgres: str

    def __str__(self) -> str:
        return f"{self.python}/{self.django}/{self.postgres}"

    @property
    def slug(self) -> str:
        """Return a name for files."""
        return str(self).replace("/", "-")


def project() -> dict[str, Any]:
    """Read the project's own table of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


def classified(prefix: str) -> list[str]:
    """Return the versions that the classifiers name after `prefix`, oldest first."""
    pattern = re.compile(re.escape(prefix) + r" :: (\d+\.\d+)")
    return [found[1] for one in project()["classifiers"] if (found := pattern.fullmatch(one))]


def combinations() -> Iterator[Combination]:
    """Yield what can be combined of all that is promised."""
    for python in classified("Programming Language :: Python"):
        for django in classified("Framework :: Django"):
            for postgres in POSTGRES:
                if goes_with(python, django):
                    yield Combination(python, django, postgres)


def goes_with(python: str, django: str) -> bool:
    """Tell whether this Django takes this Python."""
    first = FIRST_PYTHON.get(django.partition(".")[0], (3, 0))
    return tuple(int(number) for number in python.split(".")) >= first


def lowest_combination() -> Combination:
    """Return the first Python and Django, on the newest server: the oldest is much the same."""
    first = next(combinations())
    return Combination(first.python, first.django, POSTGRES[-1])


def lowest_requirements() -> list[str]:
    """Return the oldest version that each requirement of the library lets in, pinned."""
    table = project()
    needed = [*table["dependencies"], *table["optional-dependencies"]["binary"]]
    return [pinned(requirement) for requirement in needed]


def pinned(requirement: str) -> str:
    """Return a requirement with its lower bound as the version."""
    name, bound = re.split(r">=", requirement, maxsplit=1)
    return f"{name}=={bound.split(',')[0]}"


def find_python(version: str) -> str | None:
    """Find an interpreter in PATH or among those of pyenv."""
    kept = (Path.home() / ".pyenv/versions").glob(f"{version}.*/bin/python{version}")
    for candidate in [shutil.which(f"python{version}"), *sorted(map(str, kept), reverse=True)]:
        # A version manager's stand-in is there even where the version is not.
        if candidate and is_python(candidate, version):
            return candidate
    return None


def is_python(candidate: str, version: str) -> bool:
    """Tell whether a program is a Python of this version."""
    question = "import sys; print('%d.%d' % sys.version_info[:2])"
    answer = subprocess.run([candidate, "-c", question], capture_output=True, text=True)
    return answer.stdout.strip() == version


def find_server(major: str) -> Path | None:
    """Find the programs of a PostgreSQL, installed or in the wheel."""
    for folder in server_folders(major):
        if is_server(folder) and server_major(folder) == int(major):
            return folder
    return None


def is_server(folder: Path) -> bool:
    """Tell whether a server can be started from there."""
    return all(os.access(folder / name, os.X_OK) for name in ("initdb", "postgres"))


def server_folders(major: str) -> Iterator[Path]:
    """Yield where a server's programs may be."""
    yield Path(f"/usr/lib/postgresql/{major}/bin")
    if pg_config := shutil.which("pg_config"):
        yield Path(subprocess.check_output([pg_config, "--bindir"], text=True).strip())
    try:
        yield embedded_bindir()
    except ServerError:
        return
