"""Where the test database is, for processes that are told by the environment."""

from __future__ import annotations

import os
from urllib.parse import urlsplit, urlunsplit

from django.db import connection


def url_of_test_database() -> str:
    """Return DATABASE_URL with the test database in it; through a proxy, where there is one."""
    url = urlsplit(os.environ["DATABASE_URL"])
    name = connection.settings_dict["NAME"]
    if proxy := os.environ.get("DJANGO_JOBS_TEST_PROXY"):
        return f"postgresql://{url.username or 'postgres'}@{proxy}/{name}"
    return urlunsplit(url._replace(path=f"/{name}"))
