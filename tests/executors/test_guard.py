"""The limits of one run in the main thread, which hears real signals here."""

from __future__ import annotations

import resource
import signal
import sys
import time
from dataclasses import replace
from itertools import count

import pytest

from django_jobs.exceptions import Cancel, JobTimeout, MemoryLimitExceeded
from django_jobs.executors.guard import STOP, Guard
from django_jobs.memory import address_space
from django_jobs.outcomes import Claimed
from tests.executors.bench import POLICY
from tests.threads import DEADLINE

MEGABYTE = 2**20

_ids = count(1)


class Asked:
    """The cell that names the job which shall stop."""

    value = 0


@pytest.fixture
def asked():
    return Asked()


@pytest.fixture
def guard(asked):
    """Return a guard; who handled its signals before does so afterwards."""
    former = {number: signal.getsignal(number) for number in (signal.SIGALRM, STOP)}
    yield Guard(replace(POLICY, timeout=DEADLINE), asked)
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, handler in former.items():
        signal.signal(number, handler)


@pytest.fixture
def unlimited():
    """Put back what a test leaves of the limit of this process."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    yield before
    resource.setrlimit(resource.RLIMIT_AS, before)


def claimed(**fields):
    """Return a job that may run for as long as a test may."""
    given = {"name": "x", "args": "[]", "kwargs": "{}", "attempts": 1, "max_attempts": 1}
    return Claimed(
        **{"id": next(_ids), "claims": 1, "timeout": None, "priority": 0, **given, **fields}
    )


def sleep_on():
    """Sleep until something is raised."""
    time.sleep(DEADLINE)
    raise AssertionError("nothing has ended it")


class TestTime:
    def test_a_job_is_ended_at_its_deadline(self, guard):
        began = time.monotonic()

        with pytest.raises(JobTimeout, match=r"its limit of 0\.1 seconds"):
            guard(claimed(timeout=0.1), sleep_on)

        assert 0.09 < time.monotonic() - began < 5

    def test_a_job_that_ends_in_time_returns_and_takes_its_alarm_with_it(self, guard):
        assert guard(claimed(timeout=60), lambda: "done") == "done"

        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)

    def test_so_does_one_that_raises(self, guard):
        with pytest.raises(ZeroDivisionError):
            guard(claimed(timeout=60), lambda: 1 / 0)

        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)

    def test_without_a_limit_there_is_no_alarm(self, guard):
        left = guard(claimed(timeout=0), lambda: signal.getitimer(signal.ITIMER_REAL))

        assert left == (0.0, 0.0)

    @pytest.mark.parametrize("timeout", [0, 60])
    def test_the_late_alarm_of_another_job_hits_nobody(self, guard, timeout):
        def body():
            signal.raise_signal(signal.SIGALRM)
            return "unharmed"

        assert guard(claimed(timeout=timeout), body) == "unharmed"

    def test_between_two_jobs_neither_signal_hits_anybody(self, guard, asked):
        with pytest.raises(JobTimeout):
            guard(claimed(id=7, timeout=0.01), sleep_on)
        asked.value = 7

        signal.raise_signal(signal.SIGALRM)
        signal.raise_signal(STOP)

    def test_what_a_job_does_in_its_own_time_after_it_is_not_interrupted_again(self, guard):
        def body():
            try:
                sleep_on()
            finally:
                signal.raise_signal(signal.SIGALRM)
                cleaned.append(1)

        cleaned: list[int] = []
        with pytest.raises(JobTimeout):
            guard(claimed(timeout=0.01), body)

        assert cleaned == [1]


class TestStop:
    def test_a_job_that_is_not_wanted_any_more_is_ended(self, guard, asked):
        job = claimed()

        def body():
            asked.value = job.id
            signal.raise_signal(STOP)
            sleep_on()

        with pytest.raises(Cancel, match="cancelled while it ran"):
            guard(job, body)

    def test_one_that_was_cancelled_just_before_it_began_does_not_begin(self, guard, asked):
        job = claimed()
        asked.value = job.id

        with pytest.raises(Cancel):
            guard(job, lambda: pytest.fail("it began"))

    def test_a_stop_that_was_meant_for_another_job_hits_nobody(self, guard, asked):
        other, job = claimed(), claimed()
        asked.value = other.id

        def body():
            signal.raise_signal(STOP)
            return "unharmed"

        assert guard(job, body) == "unharmed"

    def test_who_takes_the_signals_over_does_so_for_one_run(self, guard, asked):
        def take_over():
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
            signal.signal(STOP, signal.SIG_IGN)

        guard(claimed(), take_over)

        with pytest.raises(JobTimeout):
            guard(claimed(timeout=0.01), sleep_on)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited where there is /proc")
class TestMemory:
    def test_what_fits_is_no_matter_and_the_limit_goes_with_the_job(self, guard, unlimited):
        mapped, held = address_space() or (0, 0)

        within = guard(
            claimed(memory_limit=held + 500 * MEGABYTE),
            lambda: resource.getrlimit(resource.RLIMIT_AS),
        )

        assert within[0] == pytest.approx(mapped + 500 * MEGABYTE, abs=64 * MEGABYTE)
        assert within[1] == unlimited[1]
        assert resource.getrlimit(resource.RLIMIT_AS) == unlimited

    def test_an_allocation_beyond_it_is_refused(self, guard, unlimited):
        _, held = address_space() or (0, 0)
        limit = held + 100 * MEGABYTE

        with pytest.raises(MemoryLimitExceeded, match=f"{limit:,} bytes: an allocation was"):
            guard(claimed(memory_limit=limit), lambda: bytearray(4000 * MEGABYTE))

        assert resource.getrlimit(resource.RLIMIT_AS) == unlimited

    def test_it_is_put_back_whatever_the_job_raises(self, guard, unlimited):
        _, held = address_space() or (0, 0)

        with pytest.raises(ZeroDivisionError):
            guard(claimed(memory_limit=held + 500 * MEGABYTE), lambda: 1 / 0)

        assert resource.getrlimit(resource.RLIMIT_AS) == unlimited

    def test_a_lower_limit_of_the_process_itself_stays(self, guard, unlimited):
        mapped, held = address_space() or (0, 0)
        own = mapped + 300 * MEGABYTE
        resource.setrlimit(resource.RLIMIT_AS, (own, unlimited[1]))

        within = guard(
            claimed(memory_limit=held + 4000 * MEGABYTE),
            lambda: resource.getrlimit(resource.RLIMIT_AS),
        )

        assert within == resource.getrlimit(resource.RLIMIT_AS) == (own, unlimited[1])

    def test_a_process_that_holds_too_much_already_does_not_begin(self, guard):
        with pytest.raises(MemoryLimitExceeded, match=r"held [\d,]+ before the job began"):
            guard(claimed(memory_limit=MEGABYTE), lambda: pytest.fail("it began"))
