"""Which jobs have begun, in memory that outlives the process that wrote it."""

from __future__ import annotations

from django_jobs.recorder import CONTEXT, FlightRecorder


def write(recorder):
    recorder.expect([7, 8, 9])
    recorder.begin(7)
    recorder.begin(8)
    recorder.returned(8)


def test_another_process_sees_what_was_written_last():
    # Given a recorder in shared memory
    recorder = FlightRecorder.shared(10)
    # When another process writes, and is gone
    process = CONTEXT.Process(target=write, args=(recorder,))
    process.start()
    process.join(30)
    # Then what it wrote is there: 7 has begun, 8 has returned, 9 was waiting
    assert recorder.read() == ([7], [8])


def test_a_place_is_free_again_when_its_job_is_forgotten():
    # Given a recorder with one place
    recorder = FlightRecorder([0])
    recorder.expect([1])
    recorder.begin(1)
    # When its job is forgotten and another one begins
    recorder.forget([1])
    recorder.expect([2])
    recorder.begin(2)
    # Then only that is told
    assert recorder.read() == ([2], [])


def test_a_job_without_a_place_is_not_told_of_and_harms_nothing():
    recorder = FlightRecorder([0])
    recorder.expect([1, 2])
    recorder.begin(1)
    recorder.begin(2)
    recorder.returned(2)
    recorder.forget([1, 2])
    assert recorder.read() == ([], [])


def test_a_job_knows_its_place():
    recorder = FlightRecorder([0, 0])
    recorder.expect([5])
    assert recorder.places == 2
    assert recorder.place_of(5) in (0, 1)
    assert recorder.place_of(6) == -1


def test_that_a_job_began_is_heard_too_late_when_it_has_returned():
    # Given a job that has returned in a process of its own, which has noted that
    recorder = FlightRecorder([0])
    recorder.expect([5])
    recorder.cells[0] = -5
    # When its parent hears that it has begun
    recorder.begin(5)
    # Then it has returned all the same
    assert recorder.read() == ([], [5])
