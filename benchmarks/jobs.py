"""The job with an argument that the benchmarks enqueue."""

from django_jobs import job


@job
def count(number: int) -> None:
    """Take a number, and do nothing."""
