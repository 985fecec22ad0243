"""Links from one page to another, where the admin has that page."""

from __future__ import annotations

from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString


def page_of(model: str, key: int, text: object) -> SafeString:
    """Return a link to the page of a row; the text alone where the admin has no such page."""
    try:
        address = reverse(f"admin:django_jobs_{model}_change", args=[key])
    except NoReverseMatch:  # a project may take a model out of its admin
        return format_html("{}", text)
    return format_html('<a href="{}">{}</a>', address, text)
