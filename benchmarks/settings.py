"""The test project's settings, and leave to run the jobs of the benchmarks."""

from testproject.settings import *  # noqa: F403
from testproject.settings import DJANGO_JOBS

# Without tasks nothing listens to what workers do.
TASKS = {}
DJANGO_JOBS = {**DJANGO_JOBS, "JOB_MODULES": ["benchmarks"], "JOB_PROCESSES": 2}
