"""Processes that are left to this one when their parents die."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

#: Set by prctl(2): orphans below the process become its children.
BECOME_SUBREAPER = "import ctypes; assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0"

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux lets a process other than PID 1 adopt orphans"
)


def run(code, before=BECOME_SUBREAPER):
    """Run code in a process of its own that adopts orphans, and return what it printed."""
    script = f"{before}\n{textwrap.dedent(code)}"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_process_knows_whether_it_adopts_orphans():
    ask = "from django_jobs.supervisor import orphans; print(orphans.are_adopted())"
    assert run(ask) == ["True"]
    assert run(ask, before="") == ["False"]


def test_an_orphan_that_ends_is_reaped_and_own_children_are_left_to_multiprocessing():
    # Given a process with a child of its own, which ends with code 7, and a grandchild that
    # outlives its parent and ends too
    lines = run(
        """
        import os, time
        from multiprocessing import get_context
        from django_jobs.supervisor import orphans

        own = get_context("fork").Process(target=os._exit, args=(7,))
        own.start()
        reader, writer = os.pipe()
        parent = os.fork()
        if not parent:
            orphan = os.fork()
            if orphan:
                os.write(writer, str(orphan).encode())
            os._exit(0)
        os.waitpid(parent, 0)
        orphan = int(os.read(reader, 100))
        # When it is told to reap until the orphan is found
        until, reaped = time.monotonic() + 20, []
        while orphan not in reaped and time.monotonic() < until:
            reaped += orphans.reap()
        own.join()
        print(reaped == [orphan], own.exitcode, orphans.reap())
        """
    )
    # Then the orphan alone was reaped, and the child's exit code is known
    assert lines == ["True", "7", "[]"]


def test_without_any_children_there_is_nothing_to_reap():
    assert run("from django_jobs.supervisor import orphans; print(orphans.reap())") == ["[]"]
