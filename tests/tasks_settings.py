"""The example project with our backend for Django's own tasks."""

import django

from testproject.settings import *  # noqa: F403

TASKS = {
    "default": {"BACKEND": "django_jobs.backend.JobsBackend", "QUEUES": ["default", "mail"]},
    "patient": {
        "BACKEND": "django_jobs.backend.JobsBackend",
        "OPTIONS": {"max_attempts": 3, "backoff": 0.0},
    },
    "apart": {
        "BACKEND": "django_jobs.backend.JobsBackend",
        "OPTIONS": {"executor": "process", "timeout": 20},
    },
    "elsewhere": {
        "BACKEND": f"{'django_tasks' if django.VERSION < (6, 0) else 'django.tasks'}"
        f".backends.dummy.DummyBackend"
    },
}
DJANGO_JOBS = {**DJANGO_JOBS, "JOB_MODULES": ["tests"]}  # noqa: F405
