"""The table of ./scripts/matrix."""

import json

import pytest

import run_matrix

JUNIT = '<testsuites><testsuite tests="12" skipped="2" /></testsuites>'


@pytest.fixture
def folder(tmp_path):
    """Return what is left by a session that passed and by one that could not be."""
    sessions = [
        {"signatures": ["tests(3.13/6.1/18)"], "result": "success", "reason": "", "duration": 61.7},
        {
            "signatures": ["lowest"],
            "result": "skipped",
            "reason": "no Python 3.11 in PATH",
            "duration": 0.1,
        },
    ]
    (tmp_path / "report.json").write_text(json.dumps({"sessions": sessions}))
    (tmp_path / "3.13-6.1-18.xml").write_text(JUNIT)
    return tmp_path


def test_a_row_tells_how_many_tests_ran_and_were_skipped(folder):
    assert next(run_matrix.rows(folder)) == ["3.13/6.1/18", "passed", "10", "2", "62"]


def test_a_row_names_what_the_machine_lacks(folder):
    assert list(run_matrix.rows(folder))[1][:2] == ["lowest", "skipped: no Python 3.11 in PATH"]


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (["3.13/6.1/18", "lowest"], ["tests(3.13/6.1/18)", "lowest"]),
        (["3.11/*"], ["tests(3.11/5.2/15)", "tests(3.11/5.2/18)"]),
        (["2.7/*"], []),
    ],
)
def test_patterns_choose_sessions(patterns, names):
    assert list(run_matrix.sessions(patterns)) == names


def test_what_follows_two_dashes_is_for_pytest():
    options, theirs = run_matrix.read_arguments(["--full", "lowest", "--", "-n", "2"])

    assert (options.full, options.patterns, theirs) == (True, ["lowest"], ["-n", "2"])
