"""The tutorial, followed to the letter: from an empty folder to the pages of the admin."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.pages import DOCS, ROOT, Block, blocks, python_blocks
from tests.threads import wait_until

pytestmark = pytest.mark.slow

TUTORIAL = DOCS / "tutorial.md"
DATABASE = "tutorial"
#: Lines of code, with those that are typed in a shell.
MOST_LINES = 30
#: Commands that go on, for which the page has terminals of their own.
GO_ON = {"runjobs", "runserver"}
ADDRESS = "http://127.0.0.1:8000"


class Reader:
    """Somebody who does what the page says, in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.home = self.folder = folder
        self.port = free_port()
        self.terminals: list[subprocess.Popen[bytes]] = []

    def follow(self, block: Block) -> None:
        """Do what one block says."""
        if block.language == "sh":
            for line in block.code.splitlines():
                self.type(line)
        elif block.module is None:
            self.try_in_the_shell(block)
        else:
            with (self.folder / f"{block.module.replace('.', '/')}.py").open("a") as file:
                file.write(f"\n{block.code}")

    def type(self, line: str) -> None:
        """Type a line into a terminal."""
        words = shlex.split(line)
        if words[0] == "cd":
            self.folder /= words[1]
        elif words[0] == "createdb":
            assert words[1:] == [DATABASE]
            administer(f'CREATE DATABASE "{DATABASE}"')
        elif GO_ON & set(words):
            self.open_terminal(words)
        elif words[0] != "pip":  # The package that is tested is that of the checkout.
            done = self.run(["bash", "-c", line])
            assert done.returncode == 0, done.stderr

    def try_in_the_shell(self, block: Block) -> None:
        """Type a block into the shell of the project."""
        done = self.run(["python", "manage.py", "shell"], block.code)
        if block.raises:
            said = re.search(rf"^{block.raises}: .*", done.stderr, re.MULTILINE)
            assert said, done.stderr
            assert f"# {said[0]}" in block.code
        else:
            assert done.returncode == 0, done.stderr

    def run(self, words: list[str], typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program to its end."""
        return subprocess.run(
            words,
            cwd=self.folder,
            env=environment(),
            input=typed,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def open_terminal(self, words: list[str]) -> None:
        """Start what goes on in a terminal of its own."""
        if "runserver" in words:
            words = [*words, str(self.port)]  # 8000 may be somebody else's here
        log = self.home / f"terminal-{len(self.terminals)}.log"
        with log.open("wb") as output:
            self.terminals.append(
                subprocess.Popen(
                    words,
                    cwd=self.folder,
                    env=environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )

    def close_terminals(self) -> None:
        """End what goes on."""
        for process in self.terminals:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)

    def said(self) -> str:
        """Return what the terminals say, for failures."""
        return "\n".join(log.read_text() for log in sorted(self.home.glob("terminal-*.log")))


class Browser:
    """Keeps cookies, and logs in."""

    def __init__(self, port: int) -> None:
        self.here = f"http://127.0.0.1:{port}"
        self.cookies = CookieJar()
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.cookies)
        )

    def get(self, path: str) -> str:
        """Return a page."""
        return str(self.opener.open(self.here + path, timeout=30).read().decode())

    def answers(self) -> bool:
        """Tell whether the server is there."""
        try:
            self.get("/admin/login/")
        except OSError:
            return False
        return True

    def log_in(self, name: str, password: str) -> None:
        """Send the form of the admin."""
        self.get("/admin/login/")
        (token,) = (one.value for one in self.cookies if one.name == "csrftoken")
        form = {"csrfmiddlewaretoken": token, "username": name, "password": password}
        self.opener.open(
            f"{self.here}/admin/login/?next=/admin/", urlencode(form).encode(), timeout=30
        )


def environment() -> dict[str, str]:
    """Return the environment of a reader whose `psql` needs no words."""
    server = conninfo_to_dict(os.environ["DATABASE_URL"])
    words = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DATABASE_URL", "DJANGO_"))
    }
    return {
        **kept,
        **{words[name]: str(value) for name, value in server.items() if name in words},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        # Files of one second and one size would be taken for what was compiled before.
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def administer(statement: str) -> None:
    """Run a statement on the server, beside all databases that it has."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as session:
        session.execute(statement)


def jobs() -> list[tuple[str, str, str]]:
    """Return name, state and schedule of all jobs of the reader."""
    with psycopg.connect(make_conninfo(os.environ["DATABASE_URL"], dbname=DATABASE)) as session:
        rows = session.execute(
            "SELECT job.name, job.state, coalesce(schedule.name, '') FROM django_jobs_job job"
            " LEFT JOIN django_jobs_schedule schedule ON schedule.id = job.schedule_id"
        ).fetchall()
    return [(str(name), str(state), str(schedule)) for name, state, schedule in rows]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    administer(f'DROP DATABASE IF EXISTS "{DATABASE}" WITH (FORCE)')
    reader = Reader(tmp_path)
    yield reader
    reader.close_terminals()
    administer(f'DROP DATABASE IF EXISTS "{DATABASE}" WITH (FORCE)')
    print(reader.said())


def test_the_tutorial_ends_with_a_job_a_schedule_and_the_admin(reader):
    for block in blocks(TUTORIAL):
        reader.follow(block)

    # A job that has succeeded, and a schedule that has fired.
    assert ("shop.jobs.greet", "succeeded", "") in jobs()
    fired = ("shop.jobs.count_users", "succeeded", "shop.jobs.count_users")
    wait_until(lambda: fired in jobs())

    # And the pages of the admin that the tutorial names.
    browser = Browser(reader.port)
    wait_until(browser.answers)
    browser.log_in("ada", "lovelace")
    pages = {path: browser.get(path) for path in named_pages()}
    listed = pages["/admin/django_jobs/job/"]
    assert "shop.jobs.greet" in listed
    assert "shop.jobs.count_users" in listed
    assert "shop.jobs.count_users" in pages["/admin/django_jobs/schedule/"]
    one = re.search(r"/admin/django_jobs/job/\d+/change/", listed)
    assert one, listed
    assert "succeeded" in browser.get(one[0]).lower()


def named_pages() -> list[str]:
    """Return the addresses that the page asks to look at."""
    return re.findall(rf"<{ADDRESS}(/[^>]+)>", TUTORIAL.read_text())


def test_the_tutorial_needs_few_lines_of_code():
    lines = [
        line
        for block in python_blocks(TUTORIAL)
        for line in block.code.splitlines()
        if line.strip() and not line.startswith("#")
    ]

    assert len(lines) <= MOST_LINES, len(lines)
