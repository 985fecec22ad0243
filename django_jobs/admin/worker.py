"""Workers in the admin: how they are, what they run; quiet, resume and stop them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    Count,
    DurationField,
    ExpressionWrapper,
    F,
    FloatField,
    Func,
    OuterRef,
    QuerySet,
    Subquery,
)
from django.db.models.functions import JSONObject, Now
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext, npgettext
from django.utils.translation import gettext_lazy as _

from django_jobs import api, wording
from django_jobs.admin import access, audit, links
from django_jobs.admin.access import Power
from django_jobs.admin.readonly import ReadOnly
from django_jobs.admin.standing import standing
from django_jobs.admin.steering import Button, Steered
from django_jobs.conf import options
from django_jobs.models import Job, Worker
from django_jobs.orders import Order

if TYPE_CHECKING:
    _WorkerAdmin = admin.ModelAdmin[Worker]
else:
    _WorkerAdmin = admin.ModelAdmin

#: Jobs of one worker that are named.
NAMED = 5


class _Seconds(Func):
    """A duration in seconds."""

    template = "extract(epoch FROM %(expressions)s)::float8"
    output_field = FloatField()


@admin.register(Worker)
class WorkerAdmin(ReadOnly, Steered, _WorkerAdmin):
    """The workers that are alive, or were until a moment ago."""

    list_display = (
        "__str__", "shown_orders", "shown_heartbeat", "shown_memory", "shown_places", "shown_jobs",
        "shown_queues", "version",
    )  # fmt: skip
    search_fields = ("hostname__startswith",)
    ordering = ("hostname", "pid")
    show_full_result_count = False
    actions = ("quiet", "resume", "stop")
    fieldsets = (
        (None, {"fields": ("hostname", "pid", "version", "shown_orders", "shown_heartbeat",
                           "started_at")}),
        (_("Work"), {"fields": ("shown_places", "shown_jobs", "shown_memory")}),
        (_("What it serves"), {"fields": ("shown_queues", "shown_tags", "units")}),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Worker]:
        """Return the workers, with the jobs of each that the user may see: in one statement."""
        silent = ExpressionWrapper(Now() - F("heartbeat_at"), output_field=DurationField())
        workers: QuerySet[Worker] = super().get_queryset(request).annotate(silent=silent)
        if not access.may(request, Power.VIEW):
            return workers
        jobs = access.visible(request).filter(state=Job.State.RUNNING, worker_id=OuterRef("pk"))
        named = jobs.order_by("started_at").values(
            told=JSONObject(id="pk", name="name", seconds=_Seconds(Now() - F("started_at")))
        )[:NAMED]
        held = jobs.order_by().values("worker_id").annotate(count=Count("pk")).values("count")
        return workers.annotate(running=ArraySubquery(named), held=Subquery(held))

    # What can be done ---------------------------------------------------------------------------

    def has_stop_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may quiet and stop workers."""
        return access.may(request, Power.STOP_WORKER)

    def buttons(self, request: HttpRequest, row: Worker) -> list[Button]:
        """Return what a worker can be told that it is not told already."""
        if row.orders == Order.STOP:
            return []
        turn = Button("quiet", _("Quiet")) if row.orders != Order.QUIET else None
        return [turn or Button("resume", _("Resume")), Button("stop", _("Stop"), is_grave=True)]

    @admin.action(description=_("Quiet: claim nothing more"), permissions=["stop"])
    def quiet(self, request: HttpRequest, queryset: QuerySet[Worker]) -> None:
        """Let them claim nothing more, and go on with what they run."""
        self._tell(request, queryset, api.quiet_workers, gettext("Told to be quiet."))

    @admin.action(description=_("Resume: claim again"), permissions=["stop"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Worker]) -> None:
        """Let them claim again."""
        self._tell(request, queryset, api.resume_workers, gettext("Told to work again."))

    @admin.action(description=_("Stop gracefully"), permissions=["stop"])
    def stop(self, request: HttpRequest, queryset: QuerySet[Worker]) -> None:
        """Let them stop as at SIGTERM."""
        self._tell(request, queryset, api.stop_workers, gettext("Told to stop."))

    def _tell(
        self, request: HttpRequest, queryset: QuerySet[Worker], verb: Callable[..., int], done: str
    ) -> None:
        workers = list(queryset)
        told = verb(workers, using=queryset.db)
        audit.note(request, workers, done)
        text = ngettext("%d worker was told.", "%d workers were told.", told) % told
        left = len(workers) - told
        if left:
            text += " " + ngettext(
                "%d was told so before, or is stopping, or is gone.",
                "%d were told so before, or are stopping, or are gone.",
                left,
            ) % left  # fmt: skip
        self.message_user(request, text, messages.WARNING if left else messages.SUCCESS)

    # What is shown ------------------------------------------------------------------------------

    @admin.display(description=_("does"), ordering="orders")
    def shown_orders(self, worker: Worker) -> str:
        """Return what it was told, and whether it has heard that."""
        return standing(worker.orders, worker.heard)

    @admin.display(description=_("heartbeat"), ordering="heartbeat_at")
    def shown_heartbeat(self, worker: Worker) -> SafeString:
        """Return how long ago it gave a sign of life, marked where that is too long."""
        silent: timedelta = worker.silent  # type: ignore[attr-defined]
        ago = gettext("%s ago") % wording.span(silent)
        if silent > timedelta(seconds=options().heartbeat_timeout):
            late = gettext("taken for dead")
            return format_html('<span class="django-jobs-warning">{}: {}</span>', ago, late)
        return format_html("{}", ago)

    @admin.display(description=_("memory"), ordering="rss")
    def shown_memory(self, worker: Worker) -> str:
        """Return what its process held at the last heartbeat."""
        return "" if worker.rss is None else filesizeformat(worker.rss)

    @admin.display(description=_("jobs / places"), ordering="concurrency")
    def shown_places(self, worker: Worker) -> str:
        """Return how many jobs it holds that the user may see, and its places."""
        if not hasattr(worker, "running"):
            return wording.number(worker.concurrency)
        held = getattr(worker, "held", None) or 0
        return f"{wording.number(held)} / {wording.number(worker.concurrency)}"

    @admin.display(description=_("runs now"))
    def shown_jobs(self, worker: Worker) -> SafeString:
        """Return the jobs that it holds, those that have run longest first."""
        jobs: list[Mapping[str, Any]] = getattr(worker, "running", [])
        more = (getattr(worker, "held", None) or 0) - len(jobs)
        line = '<div class="django-jobs-line">{}, {}</div>'
        told = format_html_join("", line, map(_named, jobs))
        if more <= 0:
            return told
        text = npgettext("jobs", "and %d more", "and %d more", more) % more
        return format_html('{}<div class="django-jobs-quiet">{}</div>', told, text)

    @admin.display(description=_("queues"))
    def shown_queues(self, worker: Worker) -> str:
        """Return the queues that it serves."""
        return wording.listed(worker.queues) or gettext("all")

    @admin.display(description=_("tags"))
    def shown_tags(self, worker: Worker) -> str:
        """Return the tags that it carries."""
        return ", ".join(map(str, worker.tags))


def _named(job: Mapping[str, Any]) -> tuple[SafeString, str]:
    seconds = job["seconds"]
    since = gettext("not begun") if seconds is None else wording.span(seconds)
    return links.page_of("job", job["id"], f"{job['name']} #{job['id']}"), since
