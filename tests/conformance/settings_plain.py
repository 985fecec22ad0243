"""The same where the tests' tasks are declared under Django's own backend, and later are ours."""

from tests.conformance.settings import *  # noqa: F403

TASKS = {"default": {"BACKEND": "django.tasks.backends.immediate.ImmediateBackend"}}
