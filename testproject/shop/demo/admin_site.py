"""Serving the admin after the show."""

import os
import socket
from contextlib import suppress

from django.core.management import call_command

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


def serve(port: int) -> None:
    """Serve the shop and its admin until Ctrl-C."""
    os.environ.setdefault("DJANGO_RUNSERVER_HIDE_WARNING", "true")
    # This is how runserver ends, and the demo still has an exit code of its own to give.
    with suppress(SystemExit):
        call_command("runserver", f"{HOST}:{port}", use_reloader=False, insecure_serving=True)
