"""Rows that the queue writes and people only read."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.http import HttpRequest


class ReadOnly:
    """Rows that the queue writes and people only read."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Refuse: rows are made by enqueueing, not by forms."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: the engine alone changes rows. The permission still allows the actions."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: finished rows are pruned, live ones are cancelled."""
        return False
