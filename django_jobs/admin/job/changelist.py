"""The list of jobs as the admin asks for it: by the index that knows, and never counted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib.admin.views.main import IGNORED_PARAMS, SEARCH_VAR, ChangeList
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Left
from django.http import HttpRequest
from django.utils.translation import gettext as _

from django_jobs import finding, slices, tallies
from django_jobs.admin import access
from django_jobs.admin.access import Power
from django_jobs.admin.job import searching
from django_jobs.admin.job.filters import FilterForm
from django_jobs.admin.job.tabs import PARAMETER, tabs
from django_jobs.conf import options
from django_jobs.finding import Criteria
from django_jobs.models import Job
from django_jobs.slices import Place, Slice

#: Where a slice of the list begins.
PLACES = ("before", "after")
#: What a row shows: no arguments and no results, which may be large.
COLUMNS = (
    "id", "name", "state", "queue", "priority", "attempts", "max_attempts", "scheduled_at",
    "started_at", "finished_at", "worker", "worker__hostname", "worker__pid",
)  # fmt: skip
#: Characters of an error's message that are read.
MESSAGE = 300


class JobList(ChangeList):
    """Jobs, newest first."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Job]:
        """Return all jobs that are asked for, on this page and on others."""
        if not hasattr(self, "form"):
            self._read(request)
        self.has_filters, self.filter_specs = True, []
        self.has_active_filters = self.form.is_used
        remove = [name for name in self.form.fields if name != PARAMETER]
        self.clear_all_filters_qs = self.get_query_string(remove=remove)
        if self.problems:
            return self.root_queryset.none()
        return finding.meeting(self.criteria, self.root_queryset).order_by("-pk")

    def _read(self, request: HttpRequest) -> None:
        """Read what is asked for from the address, and note what makes no sense in it."""
        self.problems: list[str] = []
        self.place = self._placed()
        self.form = FilterForm(
            request.GET,
            using=self.root_queryset.db,
            offers_schedules=access.may(request, Power.VIEW_SCHEDULE),
        )
        known = {*self.form.fields, *IGNORED_PARAMS, *PLACES}
        self.problems += [
            _("Jobs cannot be narrowed by “%s”.") % name
            for name in sorted(self.params.keys() - known)
        ]
        self.criteria = Criteria()
        if self.form.is_valid():
            self.criteria = self.form.criteria()
        for name, errors in self.form.errors.items():
            label = self.form.fields[name].label
            self.problems += [f"{str(label).capitalize()}: {error}" for error in errors]
        self._search(request)

    def _search(self, request: HttpRequest) -> None:
        by_arguments = options().admin_search_arguments
        try:
            asked = searching.criteria(
                self.query,
                by_arguments=by_arguments and access.may(request, Power.VIEW_ARGUMENTS),
                secrets=options().admin_redact,
            )
        except ValidationError as error:
            self.problems += error.messages
        else:
            self.criteria = replace(
                self.criteria, id=asked.id, word=asked.word, arguments=asked.arguments
            )

    def _placed(self) -> Place:
        """Return where the slice begins, which is no part of what is asked for."""
        given = {name: self.params.pop(name, None) for name in PLACES}
        for name in PLACES:
            self.filter_params.pop(name, None)
        numbers: dict[str, int] = {}
        for name, text in given.items():
            if text is None:
                continue
            if searching.is_id(text):
                numbers[name] = int(text)
            else:
                self.problems.append(_("“%s” is not the id of a job.") % text)
        if len(numbers) == 2:
            del numbers["after"]
        return Place(**numbers)

    def get_results(self, request: HttpRequest) -> None:
        """Read one slice of the jobs."""
        sees_all = access.sees_all(request)
        self.slice = Slice([])
        if not self.problems:
            self.slice = slices.cut(
                self.root_queryset,
                self.criteria,
                is_narrowed=not sees_all,
                place=self.place,
                size=self.list_per_page,
            )
        self.result_list = _rows(self.root_queryset, self.slice.ids)
        # Nobody counts: these are for the words of Django's templates.
        self.result_count = self.full_result_count = len(self.result_list)
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = bool(self.result_list)
        self.paginator = None
        self._tell(sees_all=sees_all)

    def _tell(self, *, sees_all: bool) -> None:
        """Say what stands around the list: the tabs, and where to go on."""
        is_narrow = bool(self.form.is_used or self.query or self.problems)
        tallied = None
        if not is_narrow:
            using = self.root_queryset.db
            tallied = (
                tallies.tallies(using=using) if sees_all else tallies.tallies_of(self.root_queryset)
            )
        chosen = self.form.data.get(PARAMETER)
        self.tabs = tabs(chosen, tallied, self.get_query_string)
        self.older, self.newer = map(self._address, (self.slice.older, self.slice.newer))
        self.newest = self.get_query_string() if self.place != Place() else ""
        self.ended_at = None if self.slice.ended_at is None else str(self.slice.ended_at)
        self.further = self.newer if self.place.after is not None else self.older
        word = None if self.problems else self.criteria.word
        self.holder = finding.holder(word, self.root_queryset) if word else None
        self.has_more = bool(self.older or self.newer)

    def _address(self, place: Place | None) -> str:
        if place is None:
            return ""
        name = "before" if place.before is not None else "after"
        return str(self.get_query_string({name: getattr(place, name)}))

    @property
    def shown_filters(self) -> list[tuple[str, str]]:
        """Return the parameters that a form of the page keeps beside its own fields."""
        return [(SEARCH_VAR, self.query)] if self.query else []


def _rows(jobs: QuerySet[Job], ids: list[int]) -> list[Job]:
    """Return the rows of a page. Of errors only the last one is read, and only its beginning."""
    last = KeyTransform("-1", "errors")
    rows = jobs.filter(pk__in=ids).select_related("worker").only(*COLUMNS)
    rows = rows.annotate(
        last_exception=KeyTextTransform("exception", last),
        last_message=Left(KeyTextTransform("message", last), MESSAGE),
    )
    return list(rows.order_by("-pk")) if ids else []
