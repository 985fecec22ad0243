"""Links from one page to another, where the admin has that page."""

from __future__ import annotations

from urllib.parse import urlencode

from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString


def address(name: str, *args: int, site: str | None = None) -> str:
    """Return the address of a page of ours; empty where the admin has no such page."""
    try:
        return reverse(f"admin:django_jobs_{name}", args=args, current_app=site)
    except NoReverseMatch:  # a project may take a model out of its admin
        return ""


def jobs(**wanted: str) -> str:
    """Return the address of the list of the jobs that are wanted; empty where there is no list."""
    page = address("job_changelist")
    return f"{page}?{urlencode(wanted)}" if page else ""


def link(url: str, text: object) -> SafeString:
    """Return a link; the text alone where there is nowhere to go."""
    return format_html('<a href="{}">{}</a>', url, text) if url else format_html("{}", text)


def page_of(model: str, key: int, text: object) -> SafeString:
    """Return a link to the page of a row, or its text."""
    return link(address(f"{model}_change", key), text)
