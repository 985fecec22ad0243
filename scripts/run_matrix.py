"""Run the sessions of noxfile.py and draw the table: see scripts/matrix."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from xml.etree import ElementTree

from versions import ROOT, combinations

FOLDER = ROOT / "build/matrix"
REPORT = "report.json"
LOWEST = "lowest"
#: Exit codes: nothing of that name, or with --strict something was skipped.
NOTHING_MATCHES, INCOMPLETE = 2, 3


def read_arguments(words: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return our arguments, and those for pytest, which follow ``--``."""
    ours, theirs = words, []
    if "--" in words:
        place = words.index("--")
        ours, theirs = words[:place], words[place + 1 :]
    parser = argparse.ArgumentParser(prog="./scripts/matrix", description=__doc__)
    parser.add_argument("patterns", nargs="*", default=["*"], help="such as 3.13/6.1/18, or lowest")
    parser.add_argument("--strict", action="store_true", help="fail where a session is skipped")
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--full", action="store_true", help="run all tests")
    amount.add_argument("--tasks", action="store_true", help="run what Django's tasks need")
    return parser.parse_args(ours), theirs


def sessions(patterns: list[str]) -> Iterator[str]:
    """Yield the names of nox's sessions that match."""
    for name in [*map(str, combinations()), LOWEST]:
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            yield LOWEST if name == LOWEST else f"tests({name})"


def rows(folder: Path) -> Iterator[list[str]]:
    """Yield a row for each session that nox and pytest have reported there."""
    for session in json.loads((folder / REPORT).read_text())["sessions"]:
        name = session["signatures"][0].removeprefix("tests(").removesuffix(")")
        tests, skipped = counted(folder / f"{name.replace('/', '-')}.xml")
        told = session["result"] if session["result"] != "success" else "passed"
        if session["result"] == "skipped":
            told += f": {session['reason']}"
        yield [name, told, tests, skipped, f"{session['duration']:.0f}"]


def counted(report: Path) -> tuple[str, str]:
    """Return how many tests pytest ran, and how many it skipped."""
    if not report.exists():
        return "", ""
    # What pytest wrote here a moment ago.
    suite = ElementTree.parse(report).getroot().find("testsuite")  # noqa: S314
    assert suite is not None
    skipped = int(suite.attrib["skipped"])
    return str(int(suite.attrib["tests"]) - skipped), str(skipped)


def draw(table: list[list[str]]) -> None:
    """Print a table whose columns are as wide as what is in them."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def main() -> int:
    """Run what was asked for, and return the exit code of nox."""
    options, theirs = read_arguments(sys.argv[1:])
    names = list(sessions(options.patterns))
    if not names:
        print(f"matrix: nothing matches {' '.join(options.patterns)}", file=sys.stderr)
        return NOTHING_MATCHES
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    amount = [flag for flag in ("--full", "--tasks") if getattr(options, flag[2:])]
    command = [sys.executable, "-m", "nox", "--report", str(FOLDER / REPORT), "--sessions", *names]
    code = subprocess.run([*command, "--", *amount, *theirs], cwd=ROOT).returncode
    if not (FOLDER / REPORT).exists():
        return code
    table = list(rows(FOLDER))
    print("\n== matrix: Python/Django/PostgreSQL")
    draw([["", "outcome", "tests", "skipped", "seconds"], *table])
    incomplete = any(told.startswith("skipped") for _, told, *_ in table)
    return code or (INCOMPLETE if options.strict and incomplete else 0)


if __name__ == "__main__":
    sys.exit(main())
