"""What only coroutines do when they are cancelled."""

from __future__ import annotations

import pytest

from django_jobs.outcomes import Succeeded
from testproject.ledger.models import Effect
from tests.threads import wait_until


@pytest.mark.django_db(transaction=True)
def test_one_that_takes_no_notice_is_handed_over_as_it_ended(make_bench):
    # Given a coroutine that catches its cancellation, and a place for one
    bench = make_bench("asyncio", size=1)
    job = bench.job("end_well_all_the_same", "begun")
    bench.submit(job)
    wait_until(Effect.objects.filter(label="begun").exists)
    # When it is cancelled
    bench.cancel(job)
    # Then its end is told, once, and its place is free
    assert bench.outcomes(job) == [Succeeded()]
    assert bench.run("nothing") == Succeeded()
    assert [what for what, id_ in bench.witness.heard if id_ == job.id] == ["begun", "ended"]
