"""The command as the main process of a container, to which orphans are left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from django_jobs.models import Job, Worker
from tests.lifecycle.conftest import CHECKOUT, environment
from tests.lifecycle.families import children_of
from tests.threads import wait_until

#: A job whose process starts another that outlives its parent for a second.
ERRAND = """
import subprocess
from django_jobs import job

@job
def leave_orphan():
    subprocess.run(["/bin/sh", "-c", "sleep 1 &"], check=True)
"""
RUNJOBS = [sys.executable, "manage.py", "runjobs"]
AS_PID_ONE = ["unshare", "--pid", "--fork", "--mount-proc"]
#: Set by prctl(2), and kept by exec: orphans below the process become its children.
AS_SUBREAPER = [
    sys.executable,
    "-c",
    "import ctypes, os, sys; assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0; "
    "os.execv(sys.argv[1], sys.argv[1:])",
]


def works(*prefix: str) -> bool:
    """Return whether a command can be run in that way here."""
    try:
        return (
            subprocess.run([*prefix, "/bin/true"], capture_output=True, timeout=20).returncode == 0
        )
    except FileNotFoundError:
        return False


@pytest.fixture
def errands(tmp_path, monkeypatch):
    """Let the command know a job that leaves an orphan."""
    (tmp_path / "errands").mkdir()
    (tmp_path / "errands" / "__init__.py").write_text("")
    (tmp_path / "errands" / "jobs.py").write_text(ERRAND)
    (tmp_path / "errand_settings.py").write_text(
        "from testproject.settings import *\nINSTALLED_APPS = [*INSTALLED_APPS, 'errands']\n"
    )
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "errand_settings")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(CHECKOUT)]))


@pytest.fixture
def start(transactional_db, errands, tmp_path):
    """Return a function that starts the command in some way, and returns its process."""
    started = []

    def start_it(prefix):
        with (tmp_path / "log").open("w") as log:
            started.append(
                subprocess.Popen(
                    [*prefix, *RUNJOBS],
                    cwd=CHECKOUT,
                    env=environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )
        return started[-1]

    yield start_it
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there is no /proc to look into")
@pytest.mark.parametrize(
    "prefix", [AS_PID_ONE, AS_SUBREAPER], ids=["as PID 1", "as a child subreaper"]
)
def test_the_main_process_of_a_container_reaps_orphans_and_passes_signals_on(start, prefix):
    if not works(*prefix):
        pytest.skip(f"{prefix[0]} may not do that here")
    # Given a command to which orphans are left, with a worker
    outer = start(prefix)
    wait_until(lambda: Worker.objects.exists())
    command = outer.pid if prefix is AS_SUBREAPER else next(iter(children_of(outer.pid)))
    family = set(children_of(command))
    # When a job leaves an orphan
    row = Job.objects.create(name="errands.jobs.leave_orphan")
    wait_until(lambda: set(children_of(command)) > family)
    # Then nothing is left of it when it has ended
    wait_until(lambda: set(children_of(command)) == family)
    wait_until(lambda: Job.objects.succeeded().filter(pk=row.pk).exists())
    # And the command ends in order when it is told to
    os.kill(command, signal.SIGTERM)
    assert outer.wait(30) == 0
    assert not Worker.objects.exists()
