"""Jobs of many tenants, each of whom may run a few at a time; imported where it is measured."""

import time

from django_jobs import job

#: Seconds of a job under a hot key, and of a tenant's job.
SHORT, LONG = 0.001, 0.02


@job(concurrency_key="hot", max_running_per_key=1)
def hot() -> None:
    """Work for a millisecond, one at a time."""
    time.sleep(SHORT)


@job(concurrency_key=lambda tenant: str(tenant), max_running_per_key=2)
def serve(tenant: int) -> None:
    """Work for a tenant."""
    time.sleep(LONG)
