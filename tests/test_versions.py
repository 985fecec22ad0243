"""What is promised to run on is promised everywhere alike."""

import re
import tomllib
from itertools import product

import pytest
import yaml

from tests.pages import ROOT
from versions import (
    POSTGRES,
    Combination,
    classified,
    combinations,
    find_python,
    find_server,
    lowest_requirements,
    pinned,
)

PYTHONS = classified("Programming Language :: Python")
DJANGOS = classified("Framework :: Django")


@pytest.fixture(scope="module")
def pyproject():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def jobs():
    """Return the jobs of the workflow that tests."""
    return yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())["jobs"]


def test_the_workflow_runs_exactly_the_combinations_that_are_promised(jobs):
    matrix = jobs["matrix"]["strategy"]["matrix"]
    excluded = [row.items() for row in matrix.pop("exclude")]

    rows = [dict(zip(matrix, row, strict=True)) for row in product(*matrix.values())]
    kept = [row for row in rows if not any(some <= row.items() for some in excluded)]

    assert {Combination(**row) for row in kept} == set(combinations())


def test_the_workflow_tries_the_lowest_versions_on_the_first_python(jobs):
    steps = jobs["lowest"]["steps"]

    assert [step["with"]["python-version"] for step in steps if "python-version" in str(step)] == [
        PYTHONS[0]
    ]
    assert f"./.github/install-postgres {POSTGRES[-1]}" in [step.get("run") for step in steps]


def test_the_first_python_and_django_are_the_bounds_of_the_package(pyproject):
    project = pyproject["project"]
    major, minor = DJANGOS[-1].split(".")

    assert project["requires-python"] == f">={PYTHONS[0]}"
    assert f"Django>={DJANGOS[0]},<{major}.{int(minor) + 1}" in project["dependencies"]
    assert pyproject["tool"]["ruff"]["target-version"] == f"py{PYTHONS[0].replace('.', '')}"


def test_the_readme_names_the_servers_that_are_tested():
    (told,) = re.findall(r"tested on ([\d, and]+);", (ROOT / "README.md").read_text())

    assert told == " and ".join(POSTGRES)


def test_django_6_is_not_tried_on_a_python_that_it_refuses():
    assert not [one for one in combinations() if one.python == "3.11" and one.django >= "6"]
    assert [one for one in combinations() if one.python == "3.11"]


@pytest.mark.parametrize(
    ("requirement", "lowest"),
    [
        ("Django>=5.2,<6.2", "Django==5.2"),
        ("psycopg[binary]>=3.2.4", "psycopg[binary]==3.2.4"),
    ],
)
def test_the_lowest_version_of_a_requirement_is_its_lower_bound(requirement, lowest):
    assert pinned(requirement) == lowest


def test_each_requirement_of_the_library_has_a_lowest_version(pyproject):
    names = {re.split(r"[<>=]", one)[0] for one in pyproject["project"]["dependencies"]}

    assert names <= {one.split("==")[0] for one in lowest_requirements()}


def test_what_a_machine_lacks_is_not_found():
    assert find_python("3.1") is None
    assert find_server("8") is None
