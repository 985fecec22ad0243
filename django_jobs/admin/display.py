"""What a row of a job holds, as HTML: everything in it is text, whatever it looks like."""

from __future__ import annotations

import json

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from django_jobs.lifesigns import progress_text


def dotted(name: str) -> SafeString:
    """Return the name of a function, which may be broken into lines after its dots."""
    return format_html_join(mark_safe(".<wbr>"), "{}", ((part,) for part in name.split(".")))


def badge(state: str, label: object) -> SafeString:
    """Return the name of a state, in a colour of its own."""
    return format_html('<span class="django-jobs-badge {}">{}</span>', state, label)


def pretty(value: object) -> SafeString:
    """Return JSON, indented."""
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)
    return _preformatted(text)


def progress(done: int, total: int) -> SafeString:
    """Return a bar, and the words."""
    bar = format_html('<progress value="{}" max="1"></progress>', f"{done / max(total, 1):.4f}")
    return format_html("{} {}", bar, progress_text({"done": done, "total": total}))


def _preformatted(text: object) -> SafeString:
    return format_html('<pre class="django-jobs">{}</pre>', text)
