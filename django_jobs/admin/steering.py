"""Buttons on the page of one row: the actions of its list, for that row alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import path, reverse

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = object


class Button(NamedTuple):
    """An action that makes sense for a row as it is now."""

    action: str
    label: Any
    #: Whether it takes something away: it is shown in red.
    is_grave: bool = False


class Steered(_ModelAdmin):
    """A page with buttons. Each is sent by POST, asks for the permissions of its action, and is
    told of as on the list.
    """

    change_form_template = "admin/django_jobs/steered.html"

    class Media:
        css = {"all": ["django_jobs/admin.css", "django_jobs/steering.css"]}

    def buttons(self, request: HttpRequest, row: Any) -> Sequence[Button]:
        """Return the actions that make sense for a row, whether or not the user may do them."""
        raise NotImplementedError

    def beside_buttons(self, request: HttpRequest, row: Any) -> forms.Form | None:
        """Return what may be filled in beside the buttons."""
        return None

    def get_urls(self) -> list[Any]:
        """Add the address that the buttons are sent to."""
        view = self.admin_site.admin_view(self.steer)
        return [
            path("<path:object_id>/steer/", view, name=self._name("steer")),
            *super().get_urls(),
        ]

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """Add the buttons that make sense and that the user may press."""
        row = kwargs.get("obj")
        if row is not None:
            allowed = self.get_actions(request)
            buttons = [one for one in self.buttons(request, row) if one.action in allowed]
            context["steering"] = buttons
            context["steering_form"] = self.beside_buttons(request, row) if buttons else None
            context["steering_url"] = reverse(f"admin:{self._name('steer')}", args=[row.pk])
        return super().render_change_form(request, context, *args, **kwargs)

    def steer(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Do to one row what a button says, and go back to its page."""
        action = self.get_actions(request).get(request.POST.get("action", ""))
        if not self.has_view_permission(request) or (request.method == "POST" and action is None):
            raise PermissionDenied
        if request.method != "POST" or action is None:
            return HttpResponseNotAllowed(["POST"])
        row: Model | None = self.get_object(request, object_id)
        if row is None:
            raise Http404
        # From Django 6.1 on it is no tuple any more.
        deed: Any = getattr(action, "func", None) or action[0]
        answer: Any = deed(self, request, self.get_queryset(request).filter(pk=row.pk))
        if isinstance(answer, HttpResponse):
            return answer
        if self.get_object(request, object_id) is None:
            return redirect(f"admin:{self._name('changelist')}")
        return redirect(f"admin:{self._name('change')}", object_id)

    def _name(self, page: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"
