"""Schedules in the admin: make them, preview them, change them, run them now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin

from django_jobs.admin.schedule.listing import Listing
from django_jobs.admin.schedule.page import Page
from django_jobs.admin.steering import Steered
from django_jobs.models import Schedule

if TYPE_CHECKING:
    _ScheduleAdmin = admin.ModelAdmin[Schedule]
else:
    _ScheduleAdmin = admin.ModelAdmin

__all__ = ["ScheduleAdmin"]


@admin.register(Schedule)
class ScheduleAdmin(Listing, Page, Steered, _ScheduleAdmin):
    """Schedules. Of those that code declares people decide one thing: whether they are enabled."""

    class Media(Steered.Media):
        js = ["django_jobs/schedule.js"]
