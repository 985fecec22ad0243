"""The dashboard as a tag, for a page of the admin."""

from __future__ import annotations

from typing import Any

from django import template

from django_jobs.admin import links
from django_jobs.admin.dashboard import page

register = template.Library()


@register.inclusion_tag("admin/django_jobs/dashboard/dashboard.html", takes_context=True)
def django_jobs_dashboard(context: dict[str, Any]) -> dict[str, Any]:
    """Show the dashboard, if there is anything on it for the user of the request.

    It is among the pages of queues: an admin without these has none.
    """
    request = context.get("request")
    if request is None or not page.may_look(request) or not links.address("dashboard"):
        return {}
    return {**page.context(request), "csrf_token": context.get("csrf_token"), "request": request}
