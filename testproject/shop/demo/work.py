"""Running the workers until nothing of this run is left to do."""

from collections.abc import Callable

from testproject.shop.demo.clock import database_now, left, wait_for
from testproject.shop.demo.hard_cases import HardCases
from testproject.shop.demo.kill import Casualty, kill_busiest
from testproject.shop.demo.run import Run
from testproject.shop.demo.runjobs import runjobs, wait
from testproject.shop.jobs import book_order

#: The share of the jobs that has to be done before a worker is killed, and from which on it need
#: not have an atomic job in hand.
MIDDLE, LATE = 0.15, 0.4


def work_and_kill(run: Run, expected: int, until: float, report: Callable[[Casualty], None]) -> int:
    """Run the workers, kill one in the middle and report it; return the exit code of runjobs."""
    with runjobs() as workers:

        def is_over() -> bool:
            return workers.poll() is not None

        def is_late() -> bool:
            return run.ended().count() >= expected * LATE

        def kill() -> Casualty | None:
            return kill_busiest(run, None if is_late() else book_order.job.definition.name)

        wait_for(lambda: is_over() or run.ended().count() >= expected * MIDDLE, until)
        dead = wait_for(lambda: kill() or is_over(), until)
        if isinstance(dead, Casualty):
            report(dead)
        return wait(workers, left(until))


def work_on(hard: HardCases, until: float, report: Callable[[str], None]) -> int:
    """Run the workers, and report what becomes of the hard cases; return the exit code."""
    with runjobs() as workers:
        for told in hard.watch(lambda: workers.poll() is not None, until):
            report(told)
        return wait(workers, left(until))


def work_off(run: Run, until: float, report: Callable[[int], None]) -> None:
    """Run the workers again for retries that were not due, until none is left or time is up."""
    while (unfinished := run.unfinished().count()) and left(until) > 0:
        report(unfinished)
        if wait_for(lambda: is_something_due(run), until):
            with runjobs() as workers:
                wait(workers, left(until))


def is_something_due(run: Run) -> bool:
    """Say whether a job of this run could be started now."""
    return run.unfinished().filter(scheduled_at__lte=database_now()).exists()
