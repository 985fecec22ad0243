"""What a worker was told to do, and whether it has heard that, in words."""

from __future__ import annotations

from django.utils.translation import gettext

from django_jobs.orders import Order


def standing(orders: str, heard: str) -> str:
    """Return what a worker does, or is asked to do."""
    if orders == Order.STOP:
        return gettext("stops") if heard == Order.STOP else gettext("is asked to stop")
    if orders == Order.QUIET:
        return gettext("is quiet") if heard == Order.QUIET else gettext("is asked to be quiet")
    return gettext("works") if heard == Order.NONE else gettext("is asked to work again")
