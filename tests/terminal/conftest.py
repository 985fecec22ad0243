"""What the tests of ``manage.py jobs`` share."""

from __future__ import annotations

import json
import sys

import pytest
from django.core.management import call_command


@pytest.fixture
def jobs(capsys):
    """Return the command: called, it returns its exit code and what it has written."""

    def run(*words):
        try:
            call_command("jobs", *map(str, words))
        except SystemExit as leaving:
            return leaving.code, capsys.readouterr().out.strip()
        return 0, capsys.readouterr().out.strip()

    return run


@pytest.fixture
def terminal(monkeypatch):
    """Let somebody sit at a terminal, who answers what the test says."""

    def answer(text):
        monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
        monkeypatch.setattr("builtins.input", lambda question: text)

    return answer


@pytest.fixture
def data(jobs):
    """Return the command for programs: called, it returns its exit code and what it tells."""

    def run(*words):
        code, said = jobs(*words, "--format", "json")
        return code, json.loads(said)

    return run
