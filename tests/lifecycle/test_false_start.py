"""A supervisor whose workers cannot start."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.lifecycle.conftest import CHECKOUT, environment


def test_workers_that_never_start_end_the_command_with_a_reason(transactional_db, tmp_path):
    # Given settings that break in a worker's process, and in no other
    (tmp_path / "broken_settings.py").write_text(
        "from multiprocessing import parent_process\n"
        "from testproject.settings import *\n"
        "if parent_process():\n"
        "    raise RuntimeError('broken here')\n"
    )
    # When workers are to be run
    command = subprocess.run(
        [sys.executable, "manage.py", "runjobs", "--processes", "1"],
        cwd=CHECKOUT,
        env={
            **environment(),
            "DJANGO_SETTINGS_MODULE": "broken_settings",
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(CHECKOUT)]),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # Then the command gives up after some attempts, and what broke can be read
    assert command.returncode == 1
    assert "failed to start 5 times in a row; the last one ended with exit code 1" in command.stderr
    assert "RuntimeError: broken here" in command.stderr
