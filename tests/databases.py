"""Where the test database is, for processes that are told by the environment."""

from __future__ import annotations

import os
from urllib.parse import urlsplit, urlunsplit

from django.db import connection

#: Where pgbouncer is between the tests and the server: the URL of the server itself.
SERVER = "DJANGO_JOBS_TEST_SERVER"


def is_behind_proxy() -> bool:
    """Tell whether DATABASE_URL leads to pgbouncer."""
    return SERVER in os.environ


def url_of_server() -> str:
    """Return a URL that leads past pgbouncer, where there is one."""
    return os.environ.get(SERVER) or os.environ["DATABASE_URL"]


def url_of_test_database(*, past_proxy: bool = False) -> str:
    """Return DATABASE_URL with the test database in it."""
    url = urlsplit(url_of_server() if past_proxy else os.environ["DATABASE_URL"])
    return urlunsplit(url._replace(path=f"/{connection.settings_dict['NAME']}"))
