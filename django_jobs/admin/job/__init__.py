"""Jobs in the admin: look at them, retry them, cancel them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from django_jobs.admin import access
from django_jobs.admin.job.adding import Adding
from django_jobs.admin.job.listing import Listing
from django_jobs.admin.job.page import Page
from django_jobs.admin.readonly import ReadOnly
from django_jobs.models import Job

if TYPE_CHECKING:
    _JobAdmin = admin.ModelAdmin[Job]
else:
    _JobAdmin = admin.ModelAdmin

__all__ = ["JobAdmin"]


@admin.register(Job)
class JobAdmin(Listing, Page, Adding, ReadOnly, _JobAdmin):
    """Jobs by state, newest first: those that the user may see."""

    class Media:
        css = {"all": ["django_jobs/admin.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        """Return the jobs that the user may see: all that the admin does starts from these."""
        return access.visible(request, super().get_queryset(request))
