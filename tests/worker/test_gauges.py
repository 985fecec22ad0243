"""What a worker tells of itself in shared memory."""

from __future__ import annotations

import pickle

from django_jobs.recorder import CONTEXT
from django_jobs.worker.gauges import Gauges


def write(gauges):
    gauges.processed = 3


def test_another_process_sees_what_was_written_last():
    # Given gauges in shared memory
    gauges = Gauges.shared()
    # When another process writes, and is gone
    process = CONTEXT.Process(target=write, args=(gauges,))
    process.start()
    process.join(30)
    # Then what it wrote is there
    assert gauges.processed == 3


def test_gauges_of_one_process_need_no_shared_memory():
    gauges = pickle.loads(pickle.dumps(Gauges()))
    gauges.failed += 2
    assert (gauges.failed, gauges.succeeded) == (2, 0)


def test_a_gauge_that_there_is_not_is_not_there():
    assert not hasattr(Gauges(), "procesed")
