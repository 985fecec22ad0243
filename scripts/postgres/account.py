"""Who runs the server."""

import contextlib
import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import ServerError


@dataclass(frozen=True)
class Account:
    """The user that runs the server: PostgreSQL refuses to run as root."""

    uid: int
    gid: int
    # Root's checkout may lie where nobody else can look, as /root does on most systems. The one
    # capability that opens it is safe to lend, as the server's only socket is closed to others.
    prefix: tuple[str, ...] = ()

    def popen_options(self) -> dict[str, Any]:
        """Return what subprocess needs to become this user."""
        if self.prefix or os.geteuid() != 0:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def choose_account(data: Path, bindir: Path) -> Account:
    """Choose the user that owns the data, or else an unprivileged one that exists."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    user = unprivileged_user(data)
    accounts = (Account(user.pw_uid, user.pw_gid, prefix) for prefix in ((), capable(user)))
    for account in accounts:
        if can_reach(account, data.parent, bindir):
            return account
    raise ServerError(
        f"{user.pw_name}, who runs the server for root, cannot enter {data.parent} or {bindir}: "
        "move the checkout out of root's private folders, or set DATABASE_URL."
    )


def unprivileged_user(data: Path) -> pwd.struct_passwd:
    """Return the owner of the data if there are any, or else a user that most systems have."""
    with contextlib.suppress(KeyError):
        if data.exists():
            return pwd.getpwuid(data.stat().st_uid)
        with contextlib.suppress(KeyError):
            return pwd.getpwnam("postgres")
        return pwd.getpwnam("nobody")
    raise ServerError("Root cannot run PostgreSQL, and no other user of this system can.")


def can_reach(account: Account, folder: Path, bindir: Path) -> bool:
    """Tell whether the user can enter the folder and run the programs."""
    test = 'cd "$1" && test -x "$2" && "$2" --version'
    command: list[str | Path] = [
        *account.prefix,
        "/bin/sh",
        "-c",
        test,
        "sh",
        folder,
        bindir / "postgres",
    ]
    options = account.popen_options()
    with contextlib.suppress(FileNotFoundError):
        done = subprocess.run(command, cwd="/", capture_output=True, check=False, **options)
        return done.returncode == 0
    return False


def capable(entry: pwd.struct_passwd) -> tuple[str, ...]:
    """Build the prefix that makes a command the user's, but lets it pass closed folders."""
    return (
        "setpriv",
        f"--reuid={entry.pw_uid}",
        f"--regid={entry.pw_gid}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
        # access(), by which initdb looks for its neighbours, forgets the capability otherwise.
        "--securebits=+no_setuid_fixup",
        # Changing the user has undone what the runner had asked for.
        "--pdeathsig=INT",
    )
