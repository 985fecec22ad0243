"""The reasons for which a job is where it is."""

from __future__ import annotations

from django_jobs.reasons import Code, Explanation, Reason
from django_jobs.states import State
from tests.pages import DOCS, names, table


def test_every_code_is_documented():
    documented = [names(code)[0] for code, _ in table(DOCS / "operating.md", "code")]

    assert sorted(documented) == sorted(Code)


def test_an_explanation_is_text_and_data():
    given = Explanation(3, "x.y", State.READY, "It waits.", (Reason(Code.NO_WORKER, "Nobody."),))

    assert str(given) == "x.y #3: It waits.\n- Nobody."
    assert given.codes == {"no_worker"}
    assert given.as_dict() == {
        "id": 3,
        "name": "x.y",
        "state": "ready",
        "headline": "It waits.",
        "reasons": [{"code": "no_worker", "text": "Nobody."}],
    }


def test_a_reason_is_told_without_what_somebody_may_not_know():
    held = Reason(Code.KEY_HELD, "#3 comes first.", "Another one comes first.")
    said = Reason(Code.NOTE, "It says: x.", "There is a note.")
    plain = Reason(Code.NO_WORKER, "Nobody.")

    assert held.told(jobs=True, data=False) == "#3 comes first."
    assert held.told(jobs=False, data=True) == "Another one comes first."
    assert said.told(jobs=False, data=True) == "It says: x."
    assert said.told(jobs=True, data=False) == "There is a note."
    assert plain.told(jobs=False, data=False) == "Nobody."
