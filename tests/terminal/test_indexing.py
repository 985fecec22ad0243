"""manage.py jobs index-arguments: an index that is made when somebody wants it."""

from __future__ import annotations

import pytest
from django.db import connection

from django_jobs import argumentindex
from tests.rows import make_job, sql


@pytest.fixture(autouse=True)
def no_index(transactional_db):
    yield
    argumentindex.drop("default")


def test_it_is_made_once_and_dropped_again(jobs):
    answers = [
        jobs("index-arguments"),
        jobs("index-arguments"),
        jobs("index-arguments", "--drop"),
        jobs("index-arguments", "--drop"),
    ]

    assert answers == [
        (0, "The index was made."),
        (0, "There is an index already."),
        (0, "The index was dropped."),
        (0, "There was no index."),
    ]


def test_programs_are_told_whether_there_is_one(data):
    assert data("index-arguments") == (0, {"indexed": True})
    assert data("index-arguments", "--drop") == (0, {"indexed": False})


def test_one_that_broke_off_is_made_anew(jobs):
    # Given an index whose making has failed on the way
    make_job()
    sql(f"CREATE INDEX {argumentindex.NAME} ON django_jobs_job USING gin (kwargs)")
    sql(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass",
        argumentindex.NAME,
    )
    # When it is asked for
    answer = jobs("index-arguments")
    # Then it is there
    assert answer == (0, "The index was made.")
    assert argumentindex.exists("default")


def test_those_of_dependencies_are_none_of_it():
    names = connection.introspection.get_constraints(connection.cursor(), "django_jobs_job")

    assert "django_jobs_job_args_done" in names
    assert not argumentindex.exists("default")
