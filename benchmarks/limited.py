"""A job under limits, in a module of its own: where it is known, workers count units."""

from django_jobs import job


@job(max_running=5_000, max_running_per_host=5_000, units=2)
def share() -> None:
    """Do nothing, under limits of every kind that are never reached."""
