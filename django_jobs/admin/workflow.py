"""Workflows in the admin: their graph, their steps; cancel and retry them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, QuerySet, Subquery, Sum
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from django_jobs import api, wording
from django_jobs.admin import access, audit, display, links
from django_jobs.admin.access import Power
from django_jobs.admin.graph import drawing, jobs_of
from django_jobs.admin.readonly import ReadOnly
from django_jobs.admin.steering import Button, Steered
from django_jobs.conf import options
from django_jobs.models import Step, Workflow
from django_jobs.redaction import redact

if TYPE_CHECKING:
    _WorkflowAdmin = admin.ModelAdmin[Workflow]
else:
    _WorkflowAdmin = admin.ModelAdmin

#: Steps in the table.
MOST_ROWS = 1_000


@admin.register(Workflow)
class WorkflowAdmin(ReadOnly, Steered, _WorkflowAdmin):
    """Workflows, newest first, with retry and cancel: those of which the user may see a job."""

    list_display = ("id", "name", "state", "shown_progress", "created_at", "took")
    list_display_links = ("id", "name")
    list_filter = ("state",)
    search_fields = ("name__startswith",)
    ordering = ("-id",)
    show_full_result_count = False
    actions = ("retry_workflows", "cancel_workflows")
    fieldsets = (
        (None, {"fields": ("name", "state", "shown_progress", "on_failure", "shown_graph")}),
        (_("Steps"), {"fields": ("shown_steps",)}),
        (
            _("Times"),
            {"fields": ("created_at", "cancelled_at", "finished_at", "took", "prune_at")},
        ),
        (_("Yours"), {"fields": ("shown_meta",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Workflow]:
        """Return the workflows, each with how many of its jobs have not ended."""
        steps = Step.objects.filter(workflow=OuterRef("pk")).exclude(kind=Step.Kind.CLEANUP)
        left = steps.order_by().values("workflow").annotate(left=Sum("jobs_left")).values("left")
        workflows: QuerySet[Workflow] = super().get_queryset(request).annotate(left=Subquery(left))
        if access.sees_all(request):
            return workflows
        return workflows.filter(
            Exists(access.visible(request).filter(step__workflow=OuterRef("pk")))
        )

    def get_fieldsets(self, request: HttpRequest, obj: Workflow | None = None) -> Any:
        """Leave out the data that was put on it, as with jobs, where the user may not see it."""
        fieldsets = list(super().get_fieldsets(request, obj))
        return fieldsets if access.may(request, Power.VIEW_ARGUMENTS) else fieldsets[:-1]

    def buttons(self, request: HttpRequest, row: Workflow) -> list[Button]:
        """Return what makes sense while it runs, or since it has ended."""
        if not row.is_finished:
            return [Button("cancel_workflows", _("Cancel"), is_grave=True)]
        if row.state == Workflow.State.SUCCEEDED:
            return []
        return [Button("retry_workflows", _("Retry what has not succeeded"))]

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may retry jobs."""
        return access.may(request, Power.RETRY)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may cancel jobs."""
        return access.may(request, Power.CANCEL)

    @admin.action(
        description=_("Retry the failed and cancelled jobs of selected workflows"),
        permissions=["retry"],
    )
    def retry_workflows(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> None:
        """Resume what can be resumed."""
        workflows = self._wholly_visible(request, queryset)
        retried = sum(moved := [api.retry(workflow) for workflow in workflows])
        _note(request, workflows, moved, gettext("Retried."))
        done = ngettext("%d job was put back.", "%d jobs were put back.", retried) % retried
        self.message_user(request, done, messages.SUCCESS if retried else messages.WARNING)

    @admin.action(description=_("Cancel selected workflows"), permissions=["cancel"])
    def cancel_workflows(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> None:
        """Cancel what has not ended."""
        workflows = self._wholly_visible(request, queryset)
        cancelled = sum(moved := [api.cancel(workflow) for workflow in workflows])
        _note(request, workflows, moved, gettext("Cancelled."))
        done = ngettext("%d job was cancelled.", "%d jobs were cancelled.", cancelled) % cancelled
        self.message_user(request, done, messages.SUCCESS if cancelled else messages.WARNING)

    def _wholly_visible(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> list[Workflow]:
        """Return those whose jobs the user may all see, and say of how many that is not so."""
        workflows = list(queryset)
        if access.sees_all(request):
            return workflows
        whole = [
            one
            for one in workflows
            if access.visible(request, one.jobs).count() == one.jobs.count()
        ]
        if left := len(workflows) - len(whole):
            told = ngettext(
                "%d workflow was left: it has jobs that you may not see.",
                "%d workflows were left: they have jobs that you may not see.",
                left,
            )
            self.message_user(request, told % left, messages.WARNING)
        return whole

    @admin.display(description=_("progress"))
    def shown_progress(self, workflow: Workflow) -> SafeString:
        """Return how many jobs have ended, of all."""
        left = getattr(workflow, "left", None) or 0
        return display.progress(workflow.size - left, workflow.size)

    @admin.display(description=_("took"))
    def took(self, workflow: Workflow) -> str:
        """Return the time from its making to its end."""
        if workflow.finished_at is None:
            return ""
        return wording.span(workflow.finished_at - workflow.created_at)

    @admin.display(description=_("graph"))
    def shown_graph(self, workflow: Workflow) -> SafeString:
        """Return the drawing of its steps."""
        return drawing(list(_steps(workflow)), _before(workflow))

    @admin.display(description=_("steps"))
    def shown_steps(self, workflow: Workflow) -> SafeString:
        """Return its steps as a table."""
        head = (_("step"), _("function"), _("state"), _("jobs"), _("ended"), _("bad"), _("after"))
        titles = format_html_join("", "<th scope='col'>{}</th>", ((title,) for title in head))
        rows = format_html_join(
            "",
            "<tr class='{}'><td>{}</td><td>{}</td><td>{}</td><td>{}</td>"
            "<td>{}</td><td>{}</td><td>{}</td></tr>",
            _rows(workflow),
        )
        return format_html(
            "<div class='django-jobs-scroll' tabindex='0' role='region' aria-label='{}'>"
            "<table class='django-jobs-steps'><thead><tr>{}</tr></thead><tbody>{}</tbody></table>"
            "</div>",
            gettext("steps"),
            titles,
            rows,
        )

    @admin.display(description=_("meta"))
    def shown_meta(self, workflow: Workflow) -> SafeString:
        """Return the data that was put on the workflow."""
        return display.pretty(redact(workflow.meta, options().admin_redact))


def _note(request: HttpRequest, workflows: list[Workflow], moved: list[int], message: str) -> None:
    changed = [one for one, count in zip(workflows, moved, strict=True) if count]
    audit.note(request, changed, message)


def _steps(workflow: Workflow) -> QuerySet[Step]:
    return workflow.steps.using(workflow._state.db).order_by("position")


def _before(workflow: Workflow) -> dict[int, list[int]]:
    """Return for each step the ones before it."""
    before: dict[int, list[int]] = {}
    for edge in workflow.edges():
        before.setdefault(edge.after_id, []).append(edge.before_id)
    return before


def _rows(workflow: Workflow) -> Iterator[tuple[Any, ...]]:
    steps, before = list(_steps(workflow)[:MOST_ROWS]), _before(workflow)
    names = {step.pk: step.name for step in steps}
    for step in steps:
        after = ", ".join(names.get(key, "…") for key in before.get(step.pk, ()))
        yield (
            step.state, links.link(jobs_of(step), step.name), step.function,
            step.get_state_display(), step.size, step.done, step.jobs_failed, after,
        )  # fmt: skip
