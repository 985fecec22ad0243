"""What running jobs tell of themselves, until somebody writes it down."""

from __future__ import annotations

from django_jobs.notebook import KEPT_LINES, Notebook, Notes
from django_jobs.outcomes import Claimed
from tests.threads import at_once

JOB = Claimed(1, 1, "x", "[]", "{}", 1, 1, None, 0)
OTHER = JOB._replace(id=2)


def test_the_latest_progress_and_all_new_lines_are_kept():
    notebook = Notebook()
    assert not notebook

    notebook.add([Notes(JOB, {"done": 1}, ["a"]), Notes(OTHER, None, ["x"])])
    notebook.add([Notes(JOB, {"done": 2}, []), Notes(JOB, None, ["b"])])

    assert notebook
    assert notebook.take() == [Notes(JOB, {"done": 2}, ["a", "b"]), Notes(OTHER, None, ["x"])]
    assert notebook.take() == []
    assert not notebook


def test_some_jobs_can_be_taken_alone():
    notebook = Notebook()
    notebook.add([Notes(JOB, None, ["a"]), Notes(OTHER, None, ["x"])])

    assert notebook.take([2, 3]) == [Notes(OTHER, None, ["x"])]
    assert notebook.take() == [Notes(JOB, None, ["a"])]


def test_only_the_newest_lines_are_kept():
    notebook = Notebook()

    for number in range(KEPT_LINES + 5):
        notebook.add([Notes(JOB, None, [number])])

    assert notebook.take()[0].lines == list(range(5, KEPT_LINES + 5))


def test_what_an_earlier_claim_told_is_not_told_of_a_later_one():
    notebook = Notebook()
    again = JOB._replace(claims=3)
    notebook.add([Notes(JOB, {"done": 1}, ["a"])])

    notebook.add([Notes(again, None, ["b"])])

    assert notebook.take() == [Notes(again, None, ["b"])]


def test_what_could_not_be_written_is_older_than_what_came_meanwhile():
    notebook = Notebook()
    notebook.add([Notes(JOB, {"done": 1}, ["a"])])
    taken = notebook.take()
    notebook.add([Notes(JOB, {"done": 2}, ["b"])])

    notebook.put_back(taken)

    assert notebook.take() == [Notes(JOB, {"done": 2}, ["a", "b"])]


def test_many_threads_may_tell_at_once():
    notebook = Notebook()

    def tell():
        for _ in range(20):
            notebook.add([Notes(JOB, None, ["x"])])

    at_once(*[tell] * 8)

    assert notebook.take()[0].lines == ["x"] * 160
