"""Where the test database is, for processes that are told by the environment."""

from __future__ import annotations

import os
from urllib.parse import urlsplit, urlunsplit

from django.db import connection


def url_of_test_database() -> str:
    """Return DATABASE_URL with the test database in it."""
    url = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(url._replace(path=f"/{connection.settings_dict['NAME']}"))
