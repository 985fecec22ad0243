"""Settings for Django's own tests of tasks: the example project's, with our backend."""

from testproject.settings import *  # noqa: F403

TASKS = {"default": {"BACKEND": "django_jobs.backend.JobsBackend", "QUEUES": []}}
DJANGO_JOBS = {"JOB_MODULES": ["tasks"]}
DATABASES["default"]["TEST"] = {"NAME": "test_conformance"}  # noqa: F405
