"""The workshop: who waits in a line there, and what becomes of the line."""

from __future__ import annotations

import threading

import pytest

from django_jobs.conf import options
from django_jobs.definitions import define
from django_jobs.judgement import Policy
from django_jobs.outcomes import Abandoned, Claimed, Succeeded
from django_jobs.recorder import FlightRecorder
from django_jobs.registry import register
from django_jobs.worker.workshop import Workshop
from tests.threads import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

NAME = "tests.workshop.stand"


BEGUN: list[int] = []
GATE = threading.Event()


def stand_at_the_gate(number):
    BEGUN.append(number)
    assert GATE.wait(60)


class Stand:
    """A workshop of one place for each of three jobs, which stand at a gate in one line."""

    def __init__(self) -> None:
        self.begun, self.gate = BEGUN, GATE
        self.begun.clear()
        self.gate.clear()
        self.rings = 0
        register(define(stand_at_the_gate, NAME, "thread"))
        policy = Policy.of(options(), "here:1", "default")
        recorder = FlightRecorder.shared(10)
        self.workshop = Workshop(3, options(), policy, recorder=recorder, on_expectant=self._ring)
        self.jobs = [
            Claimed(number, 1, NAME, f"[{number}]", "{}", 1, 1, None, 0, line="a")
            for number in (1, 2, 3)
        ]
        self.workshop.submit(self.jobs)
        wait_until(lambda: self.begun == [1])

    def _ring(self) -> None:
        self.rings += 1

    def collected(self, count: int) -> dict[int, type]:
        """Wait for so many ends, and return the kind of each."""
        ended: dict[int, type] = {}

        def are_there() -> bool:
            ended.update((one.job.id, type(one.outcome)) for one in self.workshop.collect())
            return len(ended) == count

        wait_until(are_there)
        return ended


@pytest.fixture
def stand(own_registry):
    made = Stand()
    yield made
    made.gate.set()
    made.workshop.stop()


def test_jobs_of_a_line_run_one_after_the_other(stand):
    assert stand.begun == [1]
    stand.gate.set()
    assert stand.collected(3) == dict.fromkeys((1, 2, 3), Succeeded)
    assert stand.begun == [1, 2, 3]


def test_one_that_is_lost_in_its_line_does_not_begin_and_the_next_does(stand):
    # When the second is taken away while it waits
    stand.workshop.lose([stand.jobs[1]])
    # Then its end is there to be collected at once, and the line is told
    assert stand.rings == 1
    assert stand.collected(1) == {2: Abandoned}
    stand.gate.set()
    assert stand.collected(2) == {1: Succeeded, 3: Succeeded}
    assert stand.begun == [1, 3]


def test_nobody_waits_behind_one_that_is_lost_and_does_not_heed(stand):
    stand.workshop.lose([stand.jobs[0]])
    wait_until(lambda: stand.begun == [1, 2])


def test_a_claim_that_is_not_ours_calls_nobody(stand):
    # When another claim of the first is lost than the one that runs here, together with the second
    stand.workshop.lose([stand.jobs[0]._replace(claims=0), stand.jobs[1]])
    # Then the third waits as it did
    assert stand.workshop.withdraw() == stand.jobs[2:]
    assert stand.begun == [1]


def test_what_waits_in_a_line_is_taken_back_with_the_rest(stand):
    assert stand.workshop.withdraw() == stand.jobs[1:]
    stand.gate.set()
    assert stand.collected(1) == {1: Succeeded}
