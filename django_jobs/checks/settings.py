"""The check of our settings, and what waits for them to be right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register

from django_jobs.conf import options
from django_jobs.exceptions import InvalidSettings

Check = Callable[..., list[CheckMessage]]


@register
def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report what is wrong with the setting DJANGO_JOBS."""
    try:
        options()
    except InvalidSettings as error:
        hint = "docs/settings.md lists every key with its default."
        return [Error(str(error), hint=hint, id="django_jobs.E001")]
    return []


def needs_settings(check: Check) -> Check:
    """Let a check report nothing while the settings are wrong, which is told above."""

    @wraps(check)
    def checked(*args: Any, **kwargs: Any) -> list[CheckMessage]:
        try:
            options()
        except InvalidSettings:
            return []
        return check(*args, **kwargs)

    return checked
