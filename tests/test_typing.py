"""The types of the public API: what they let a project write, and what they refuse."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from django.conf import settings

from django_jobs.capabilities import EXECUTORS, Executor
from django_jobs.scheduling import Missed, MissedWord, Overlap, OverlapWord
from django_jobs.states import OnFailure, OnFailureWord

SAMPLES = Path(__file__).parent / "typing"
RIGHT, WRONG = SAMPLES / "right.py", SAMPLES / "wrong.py"
ENVIRONMENT = os.environ | {"DJANGO_SETTINGS_MODULE": "testproject.settings"}
#: At the end of a wrong line: the code of the error, and part of its message.
EXPECTED = re.compile(r"  # E (?P<code>[a-z-]+): (?P<text>.+)$")


@pytest.fixture(scope="module")
def errors():
    """Return what mypy says of both samples, as this project is configured."""
    pytest.importorskip("mypy")
    pytest.importorskip("mypy_django_plugin")
    command = [sys.executable, "-m", "mypy", "--output=json", str(RIGHT), str(WRONG)]
    result = subprocess.run(
        command, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 1, result.stdout + result.stderr
    told = map(json.loads, result.stdout.splitlines())
    return [one for one in told if one["severity"] == "error"]


def of(sample, errors):
    return [one for one in errors if Path(one["file"]).name == sample.name]


def test_what_is_right_passes(errors):
    assert of(RIGHT, errors) == []


def test_what_is_wrong_is_refused_there_and_nowhere_else(errors):
    # Given
    lines = enumerate(WRONG.read_text().splitlines(), start=1)
    expected = {number: found for number, line in lines if (found := EXPECTED.search(line))}

    # When
    told = of(WRONG, errors)

    # Then
    assert [(one["line"], one["code"]) for one in told] == [
        (number, found["code"]) for number, found in expected.items()
    ]
    for one in told:
        assert expected[one["line"]]["text"] in one["message"]


def test_what_is_right_is_accepted_by_the_library_too():
    # In a process of its own: what it declares would stay with the tests that follow.
    code = "import django; django.setup(); import tests.typing.right"
    subprocess.run([sys.executable, "-c", code], cwd=settings.BASE_DIR, env=ENVIRONMENT, check=True)


@pytest.mark.parametrize(
    ("type_", "words"),
    [
        (Executor, EXECUTORS),
        (get_args(MissedWord)[1], Missed.values),
        (get_args(OverlapWord)[1], Overlap.values),
        (get_args(OnFailureWord)[1], OnFailure.values),
    ],
)
def test_the_words_in_a_type_are_those_that_are_known(type_, words):
    assert list(get_args(type_)) == list(words)
