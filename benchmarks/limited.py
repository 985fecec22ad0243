"""Jobs under limits, in a module of its own: where it is known, workers count units."""

from django_jobs import job


@job(
    max_running=5_000,
    max_running_per_host=5_000,
    units=2,
    concurrency_key=lambda number: f"tenant-{number % 20}",
    max_running_per_key=2_000,
    rate_limit="1000000/s",
    rate_limit_per_key="1000000/s",
)
def share(number: int) -> None:
    """Do nothing, under limits of every kind that are never reached."""
