"""What only processes can do, and what may become of them."""

from __future__ import annotations

import importlib
import json
import logging
import os
import resource
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from django_jobs.executors.place import LARGEST
from django_jobs.outcomes import Abandoned, Cancelled, Failed, Succeeded
from testproject.ledger.models import Effect
from tests.executors.bench import Bench
from tests.lifecycle.families import children_of
from tests.threads import wait_until

MEGABYTE = 2**20


@pytest.fixture(scope="module")
def bench(test_database_for_children):
    """Return one warm executor of one process."""
    bench = Bench("process", size=1, grace=0.5)
    yield bench
    bench.executor.stop()


@pytest.fixture(scope="module")
def pair(test_database_for_children):
    """Return a warm executor of two processes."""
    bench = Bench("process", size=2, grace=0.5)
    yield bench
    bench.executor.stop()


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Log nothing here but where a test looks at it."""
    monkeypatch.setattr(logging.getLogger("django_jobs"), "disabled", True)


def is_alive(pid):
    """Return whether a process runs, and is not only waited for by its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def job_processes_of(parent):
    """Return the processes that a process has for its jobs."""
    return [pid for pid in children_of(parent) if b"spawn_main" in _command_line(pid)]


def _command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


class TestDeath:
    @pytest.mark.parametrize(
        ("how", "told"),
        [
            ("exit", "ended with exit code 9"),
            ("segfault", "was killed by SIGSEGV"),
            ("SIGKILL", "was killed by SIGKILL"),
            ("SIGABRT", "was killed by SIGABRT"),
        ],
    )
    def test_a_job_that_kills_its_process_fails_one_attempt(self, bench, how, told):
        outcome = bench.run("die", how)

        assert outcome.fault.exception == "django_jobs.exceptions.ProcessDied"
        assert outcome.fault.message == f"The process in which the job ran {told}."
        assert outcome.delay == 7
        assert bench.run("nothing") == Succeeded()

    def test_at_the_last_attempt_it_has_failed_for_good(self, bench):
        assert bench.run("die", "exit", attempts=2).delay is None

    def test_its_neighbours_go_on_elsewhere_and_are_not_charged(self, bench):
        # Given a process that is dealt several jobs at once, since they are short
        for _ in range(5):
            bench.run("nothing")
        killer = bench.job("die", "SIGKILL")
        before, behind = [[bench.job("give_back", n) for n in range(10)] for _ in range(2)]
        # When one in their middle kills the process
        bench.submit(*before, killer, *behind)
        outcomes = bench.outcomes(*before, killer, *behind)
        # Then it alone has failed
        assert [type(one) for one in outcomes] == [Succeeded] * 10 + [Failed] + [Succeeded] * 10

    def test_a_job_that_returned_nothing_just_before_has_succeeded(self, bench):
        for _ in range(5):
            bench.run("nothing")
        good, killer = [bench.job("nothing") for _ in range(10)], bench.job("die", "SIGKILL")

        bench.submit(*good, killer)

        assert bench.outcomes(*good) == [Succeeded()] * 10
        assert type(bench.outcomes(killer)[0]) is Failed
        assert len({ended for ended in bench.witness.heard if ended[1] == good[-1].id}) == 2

    def test_an_idle_process_that_is_killed_is_replaced(self, bench):
        pid = int(bench.run("return_pid").result)

        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(pid))

        assert int(bench.run("return_pid").result) != pid


class TestTime:
    def test_a_loop_in_c_that_never_looks_up_is_gone_within_3_seconds(self, bench):
        # Given a job that holds the interpreter's lock, with a timeout of 1 second
        spin = bench.job("spin_in_c")
        # When it runs
        bench.submit(spin)
        (ended,) = bench.finished(spin)
        # Then it is ended, and the next one runs
        assert ended.outcome.fault.exception == "django_jobs.exceptions.JobTimeout"
        assert ended.elapsed < 3
        assert bench.run("nothing") == Succeeded()

    def test_nobody_waits_behind_a_long_job_while_a_process_is_idle(self, pair, transactional_db):
        # Given processes whose jobs are short, so that they are dealt some ahead
        for _ in range(10):
            pair.run("nothing")
        long = pair.job("wait_to_be_cancelled", "long")
        short = [pair.job("nothing") for _ in range(20)]
        # When a long job comes with short ones behind it
        pair.submit(long, *short)
        # Then these run while it does
        assert pair.outcomes(*short) == [Succeeded()] * 20
        assert ("ended", long.id) not in pair.witness.heard
        pair.cancel(long)
        pair.outcomes(long)

    def test_other_jobs_do_not_wait_for_it(self, pair):
        # Given a job that holds the interpreter's lock, and may do so for ever
        spin = pair.job("spin_in_c", timeout=0)
        pair.submit(spin)
        pair.begun(spin)
        # When others come behind it
        others = [pair.job("nothing") for _ in range(200)]
        pair.submit(*others)
        # Then they run, and it is ended as soon as it is not wanted any more
        assert pair.outcomes(*others) == [Succeeded()] * 200
        assert ("ended", spin.id) not in pair.witness.heard
        pair.cancel(spin)
        assert type(pair.outcomes(spin)[0]) is Abandoned

    def test_what_is_large_and_waits_behind_a_loop_in_c_does_not_keep_it_alive(
        self, test_database_for_children, make_bench
    ):
        # Given a process whose jobs are short, so that it is dealt some ahead
        bench = make_bench("process", size=1, grace=0.5)
        for _ in range(5):
            bench.run("nothing")
        spin = bench.job("spin_in_c")
        bench.submit(spin)
        bench.begun(spin)
        # When it hears of nothing, and more is for it than a pipe holds
        large = [bench.job("give_back", "x" * 50_000) for _ in range(30)]
        bench.submit(*large)
        # Then it is ended all the same, and they run
        assert type(bench.outcomes(spin)[0]) is Failed
        assert [type(one) for one in bench.outcomes(*large)] == [Succeeded] * 30

    def test_whoever_swallows_the_timeout_is_killed_after_the_grace_time(self, bench):
        job = bench.job("swallow_timeout")
        bench.submit(job)

        (ended,) = bench.finished(job)

        assert ended.outcome.fault.exception == "django_jobs.exceptions.JobTimeout"
        assert 0.7 < ended.elapsed < 5

    def test_a_coroutine_function_runs_and_is_ended_too(self, bench):
        pid = bench.run("return_pid").result

        assert json.loads(bench.run("give_back_from_coroutine", "x").result) == "x"
        late = bench.run("sleep_too_long_in_process", 60)

        assert late.fault.exception == "django_jobs.exceptions.JobTimeout"
        assert bench.run("return_pid").result == pid, "it was killed, not ended"

    def test_a_job_that_takes_the_signals_over_does_so_for_itself_alone(self, bench):
        pid = bench.run("return_pid").result
        bench.run("handle_signals_itself")

        bench.run("sleep_too_long")

        assert bench.run("return_pid").result == pid, "the next one had to be killed"


@pytest.mark.django_db(transaction=True)
class TestStopSignal:
    def test_a_stopped_job_may_clean_up(self, bench):
        # Given a running job, and another that was dealt to the same process
        for _ in range(5):
            bench.run("nothing")
        running, behind = bench.job("clean_up_when_stopped", "clean"), bench.job("nothing")
        bench.submit(running, behind)
        bench.begun(running)
        wait_until(lambda: bench.told_by(running)[0])
        # When both are cancelled
        bench.cancel(running, behind)
        # Then the one was asked and not killed
        assert type(bench.outcomes(running)[0]) is Cancelled
        assert type(bench.outcomes(behind)[0]) in (Abandoned, Cancelled)
        assert Effect.objects.filter(label="clean").exists()

    def test_a_late_signal_hits_nobody(self, bench):
        pid = int(bench.run("return_pid").result)
        job = bench.job("clean_up_when_stopped", "unharmed")
        bench.submit(job)
        bench.begun(job)
        wait_until(lambda: bench.told_by(job)[0])
        # When signals arrive that were meant for the job before
        for _ in range(3):
            os.kill(pid, signal.SIGUSR1)
            os.kill(pid, signal.SIGALRM)
        # Then this one goes on, until it is meant
        assert not bench._collected([job])
        bench.cancel(job)
        assert type(bench.outcomes(job)[0]) is Cancelled
        assert int(bench.run("return_pid").result) == pid


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited where there is /proc")
class TestMemory:
    def test_what_fits_is_no_matter(self, bench):
        assert bench.run("eat_memory", 50).result == str(50 * MEGABYTE)

    def test_an_allocation_beyond_the_limit_is_refused_inside(self, bench):
        pid = bench.run("return_pid").result

        outcome = bench.run("eat_memory", 4000)

        assert outcome.fault.exception == "django_jobs.exceptions.MemoryLimitExceeded"
        assert outcome.fault.message == (
            f"The job took more memory than its limit of {400 * MEGABYTE:,} bytes: "
            f"an allocation was refused."
        )
        assert bench.run("return_pid").result == pid, "it was killed, not refused"
        assert bench.run("eat_memory", 500, memory_limit=None).result == str(500 * MEGABYTE)

    def test_what_gets_round_that_is_killed(self, bench):
        pid = bench.run("return_pid").result

        outcome = bench.run("eat_memory_unbounded", 600)

        assert outcome.fault.exception == "django_jobs.exceptions.MemoryLimitExceeded"
        assert "bytes: it held " in outcome.fault.message
        assert bench.run("return_pid").result != pid


class TestLargeMessages:
    def test_both_sides_may_have_much_to_say_at_once(self, make_bench):
        # Given arguments and results larger than what a pipe holds, and jobs that are short
        bench = make_bench("process", size=1)
        for _ in range(5):
            bench.run("nothing")
        jobs = [bench.job("give_back", "x" * 300_000) for _ in range(40)]
        bench.submit(*jobs)

        # When what has not begun is taken back, and given again, again and again
        def all_have_ended():
            bench.executor.submit(bench.executor.withdraw())
            return bench._collected(jobs[:20])

        wait_until(all_have_ended)
        # Then neither waits for the other for ever
        taken = bench.executor.withdraw()
        bench.executor.submit(taken)
        assert [type(one) for one in bench.outcomes(*jobs[:20])] == [Succeeded] * 20


class TestRecycling:
    def test_a_process_is_replaced_after_so_many_jobs(self, make_bench):
        bench = make_bench("process", size=1, max_jobs=3)

        pids = [bench.run("return_pid").result for _ in range(7)]

        assert len(set(pids)) == 3
        assert pids[0] == pids[2] != pids[3]

    def test_also_under_steady_load(self, make_bench):
        bench = make_bench("process", size=1, max_jobs=100)
        jobs = [bench.job("return_pid") for _ in range(400)]
        bench.submit(*jobs)

        pids = [outcome.result for outcome in bench.outcomes(*jobs)]

        assert max(pids.count(pid) for pid in set(pids)) <= 100 + LARGEST

    def test_a_process_is_replaced_that_keeps_too_much_memory(self, make_bench):
        bench = make_bench("process", size=1, max_memory=300 * MEGABYTE)
        first = bench.run("keep_memory", 1).result

        assert bench.run("keep_memory", 300).result == first
        assert bench.run("keep_memory", 1).result != first

    def test_a_process_tells_and_gives_back_what_it_has_and_leaves_in_order_when_it_is_worn(
        self, make_bench
    ):
        # Given a process whose jobs are short, so that it is dealt some ahead
        bench = make_bench("process", size=1, max_jobs=61)
        pid = int(bench.run("return_pid").result)
        assert json.loads(bench.run("give_back_from_coroutine", "x").result) == "x"
        short = [bench.job("nothing") for _ in range(50)]
        bench.submit(*short)
        assert bench.outcomes(*short) == [Succeeded()] * 50
        # And one that runs for long, with others behind it
        long = bench.job("tell_and_wait", "begun")
        unwanted, *behind = [bench.job("nothing") for _ in range(7)]
        bench.submit(long, unwanted, *behind)
        wait_until(lambda: bench.told_by(long)[0])
        # When one of these is cancelled, the others are taken back, and the long one is stopped
        bench.cancel(unwanted)
        assert type(bench.outcomes(unwanted)[0]) is Abandoned
        bench.withdrawn(*behind)
        bench.cancel(long)
        assert type(bench.outcomes(long)[0]) is Cancelled
        # Then none of them began, and the process is gone by itself when it has run its last
        assert bench.run("nothing") == Succeeded()
        wait_until(lambda: not is_alive(pid))
        assert not {("begun", job.id) for job in (unwanted, *behind)} & set(bench.witness.heard)


class TestStarting:
    @pytest.mark.parametrize(
        ("initialize", "cause"),
        [
            (partial(importlib.import_module, "no.such.module"), "ended with exit code 1"),
            (partial(signal.raise_signal, signal.SIGKILL), "was killed by SIGKILL"),
        ],
    )
    def test_a_process_that_never_comes_to_work_is_logged_and_paused(
        self, make_bench, monkeypatch, caplog, initialize, cause
    ):
        monkeypatch.setattr(logging.getLogger("django_jobs"), "disabled", False)
        bench = make_bench("process", size=1, initialize=initialize)
        job = bench.job("nothing")

        bench.submit(job)
        wait_until(lambda: caplog.text.count("process.false_start") >= 2)

        starts = [one for one in caplog.records if "process.false_start" in one.getMessage()]
        assert cause in starts[0].getMessage()
        assert starts[1].created - starts[0].created >= 0.05
        assert bench.withdrawn(job) == {job}

    def test_one_that_cannot_be_started_is_logged_and_tried_again(
        self, make_bench, monkeypatch, caplog
    ):
        monkeypatch.setattr(logging.getLogger("django_jobs"), "disabled", False)
        bench = make_bench("process", size=1)
        job = bench.job("nothing")
        # Given no more files that this process may open
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            bench.submit(job)
            wait_until(lambda: "process.not_started" in caplog.text)
        # When there are some again
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        # Then one starts, and the job runs
        assert bench.outcomes(job) == [Succeeded()]
        assert "Too many open files" in caplog.text

    def test_processes_start_as_they_are_needed_and_no_more(self, make_bench):
        bench = make_bench("process", size=8)

        assert bench.run("nothing") == Succeeded()

        assert len(bench.executor._places) == 1


class TestNothingIsLeft:
    def test_stop_ends_them_all(self, make_bench):
        bench = make_bench("process", size=2)
        spin, idle = bench.job("spin_in_c", timeout=0), bench.job("nothing")
        bench.submit(spin, idle)
        bench.begun(spin)
        started = {place.process.pid for place in bench.executor._places}

        bench.executor.stop()

        assert not any(is_alive(pid) for pid in started)
        assert {ended.job for ended in bench.executor.collect()} <= {idle}

    @pytest.mark.parametrize("name", ["spin_in_c", "return_pid"])
    def test_processes_die_with_their_parent(self, test_database_for_children, name, tmp_path):
        # Given a process that has one for its jobs, which is busy in C, or idle
        parent = subprocess.Popen(
            [sys.executable, "-c", PARENT, name],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert parent.stdout is not None
        assert parent.stdout.readline().strip() == "begun"
        (child,) = job_processes_of(parent.pid)
        # When it is killed
        parent.kill()
        parent.wait(10)
        parent.stdout.close()
        # Then its child is gone
        wait_until(lambda: not is_alive(child))


PARENT = """
import sys, threading
import django
django.setup()
from tests.executors.bench import Bench
bench = Bench("process", size=1)
job = bench.job(sys.argv[1], timeout=0)
bench.submit(job)
bench.begun(job)
print("begun", flush=True)
threading.Event().wait()
"""
