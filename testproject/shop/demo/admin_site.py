"""Serving the admin after the show."""

import os
import socket
from collections.abc import Iterator
from contextlib import suppress

from django.core.management import call_command
from django.urls import reverse

HOST = "127.0.0.1"

#: How many ports are tried from the one that was asked for.
TRIES = 20


def free_port(wanted: int) -> int:
    """Return the first free port from the wanted one on."""
    return next((port for port in range(wanted, wanted + TRIES) if is_free(port)), wanted)


def is_free(port: int) -> bool:
    """Say whether a server could listen on this port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def sights() -> Iterator[tuple[str, str]]:
    """Yield the pages that tell of all jobs, and what there is to see."""
    yield reverse("admin:app_list", args=["django_jobs"]), "the dashboard"
    yield f"{reverse('admin:django_jobs_job_changelist')}?state__exact=failed", "what failed"
    yield reverse("admin:django_jobs_failures"), "the same by what it failed of"
    yield reverse("admin:django_jobs_queue_changelist"), "queues to pause and resume"


def serve(port: int) -> None:
    """Serve the shop and its admin until Ctrl-C."""
    os.environ.setdefault("DJANGO_RUNSERVER_HIDE_WARNING", "true")
    # This is how runserver ends, and the demo still has an exit code of its own to give.
    with suppress(SystemExit):
        call_command("runserver", f"{HOST}:{port}", use_reloader=False, insecure_serving=True)
