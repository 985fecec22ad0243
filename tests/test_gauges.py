"""What a worker tells of itself in shared memory."""

from __future__ import annotations

import pickle

from django_jobs.gauges import CONTEXT, FlightRecorder, Gauges


def write(gauges, recorder):
    gauges.processed = 3
    recorder.expect([7, 8, 9])
    recorder.begin(7)
    recorder.begin(8)
    recorder.returned(8)


def test_another_process_sees_what_was_written_last():
    # Given gauges and a recorder in shared memory
    gauges, recorder = Gauges.shared(), FlightRecorder.shared(10)
    # When another process writes, and is gone
    process = CONTEXT.Process(target=write, args=(gauges, recorder))
    process.start()
    process.join(30)
    # Then what it wrote is there: 7 has begun, 8 has returned, 9 was waiting
    assert gauges.processed == 3
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


def test_gauges_of_one_process_need_no_shared_memory():
    gauges = pickle.loads(pickle.dumps(Gauges()))
    gauges.failed += 2
    assert (gauges.failed, gauges.succeeded) == (2, 0)
