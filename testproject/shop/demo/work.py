"""Running the workers until nothing of this run is left to do."""

from collections.abc import Callable

from testproject.shop.demo.clock import database_now, left, wait_for
from testproject.shop.demo.kill import Casualty, kill_busiest
from testproject.shop.demo.run import Run
from testproject.shop.demo.runjobs import runjobs, wait

#: The share of the jobs that has to be done before a worker is killed.
MIDDLE = 0.25


def work_and_kill(run: Run, expected: int, until: float, report: Callable[[Casualty], None]) -> int:
    """Run the workers, kill one in the middle and report it; return the exit code of runjobs."""
    with runjobs() as workers:

        def is_over() -> bool:
            return workers.poll() is not None

        wait_for(lambda: is_over() or run.ended().count() >= expected * MIDDLE, until)
        dead = wait_for(lambda: kill_busiest(run) or is_over(), until)
        if isinstance(dead, Casualty):
            report(dead)
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
