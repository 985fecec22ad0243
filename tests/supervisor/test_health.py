"""Whether workers are well, by their signs of life."""

from __future__ import annotations

from django_jobs.supervisor.health import Health, Vital

TIMEOUT = 30


class Ward:
    """Processes whose signs of life the test gives."""

    def __init__(self, *vitals):
        self.vitals = list(vitals)
        self.now = 1000.0
        self.health = Health(lambda: self.vitals, TIMEOUT, clock=lambda: self.now)

    def after(self, seconds):
        """Return what is wrong so many seconds later."""
        self.now += seconds
        return self.health.look()


def test_a_process_that_gives_signs_of_life_is_well():
    # Given a worker
    ward = Ward(Vital("worker 1", beats=0))
    # When it gives a sign of life now and then
    for beat in range(10):
        ward.vitals = [Vital("worker 1", beats=beat)]
        # Then it is well all the time
        assert ward.after(TIMEOUT - 1) == []


def test_a_process_that_falls_silent_is_sick_after_the_timeout():
    # Given a worker that has given signs of life
    ward = Ward(Vital("worker 1", beats=7))
    assert ward.after(0) == []
    # When it gives none any more
    assert ward.after(TIMEOUT) == []
    # Then it is sick, and what is wrong is told
    assert ward.after(1) == [f"worker 1: no sign of life for {TIMEOUT + 1} seconds"]
    # And well again after the next one
    ward.vitals = [Vital("worker 1", beats=8)]
    assert ward.after(1) == []


def test_a_process_that_starts_is_well_for_as_long():
    ward = Ward(Vital("worker process 42", beats=0))
    assert ward.after(0) == []
    assert ward.after(TIMEOUT) == []
    assert ward.after(1) == [f"worker process 42: no sign of life for {TIMEOUT + 1} seconds"]


def test_a_process_whose_ailment_is_known_is_sick_at_once():
    ward = Ward(Vital("worker 1", beats=1, ailment="its process was killed by SIGKILL"))
    assert ward.after(0) == ["worker 1: its process was killed by SIGKILL"]


def test_nothing_is_expected_of_a_process_whose_work_is_over():
    ward = Ward(Vital("worker 1", beats=1, is_over=True))
    assert ward.after(0) == []
    assert ward.after(10 * TIMEOUT) == []


def test_each_sick_process_is_named():
    ward = Ward(Vital("a", beats=1), Vital("b", beats=1), Vital("c", beats=1, ailment="gone"))
    ward.after(0)
    ward.vitals[0] = Vital("a", beats=2)
    assert ward.after(TIMEOUT + 1) == ["b: no sign of life for 31 seconds", "c: gone"]
