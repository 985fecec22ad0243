"""The graph of a workflow as SVG: no script and no style of its own, so that any CSP allows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_jobs import wording
from django_jobs.admin import links
from django_jobs.admin.layout import Layout, Point, layout
from django_jobs.models import Step

#: Steps that are drawn; more than these are no picture any more.
MOST_STEPS = 200
#: Lines that are drawn.
MOST_LINES = 2_000

#: Pixels.
_WIDTH, _HEIGHT, _GAP, _ROW, _MARGIN, _JOINT = 200, 44, 60, 60, 12, 6
#: Characters that fit into a box.
_FITTING = 25


def jobs_of(step: Step) -> str:
    """Return the address of the list of a step's jobs."""
    return links.jobs(step__id__exact=str(step.pk))


def drawing(steps: Sequence[Step], before: Mapping[int, Sequence[int]]) -> SafeString:
    """Return the graph of steps, in the order of their positions; or why there is none."""
    if len(steps) > MOST_STEPS or sum(map(len, before.values())) > MOST_LINES:
        told = _("It has %(n)s steps, too many to draw; as_dot() returns them for Graphviz.")
        return format_html("{}", told % {"n": len(steps)})
    where = layout([step.pk for step in steps], before)
    ranks = max((point.rank for point in where.points.values()), default=0) + 1
    width = ranks * (_WIDTH + _GAP) - _GAP + 2 * _MARGIN
    height = where.height * _ROW + 2 * _MARGIN
    middle = height / 2
    return format_html(
        '<div class="django-jobs-graph"><svg width="{}" height="{}" viewBox="0 0 {} {}" '
        'role="img" aria-label="{}">{}{}</svg></div>',
        *(width, f"{height:.0f}", width, f"{height:.0f}"),
        _("The steps of the workflow; the table below tells the same."),
        format_html_join("", '<path class="edge" d="{}"/>', _paths(where, middle)),
        format_html_join(
            "", "{}", ((_node(step, where.points[step.pk], middle),) for step in steps)
        ),
    )


def _node(step: Step, point: Point, middle: float) -> SafeString:
    x, y = _left(point), middle + point.row * _ROW
    if step.kind == Step.Kind.JOIN:
        return format_html(
            '<circle class="step {}" cx="{}" cy="{}" r="{}"><title>{}</title></circle>',
            *(step.state, x + _WIDTH // 2, f"{y:.1f}", _JOINT, step.name),
        )
    node = format_html(
        '<g class="step {}"><title>{}</title>'
        '<rect x="{}" y="{}" width="{}" height="{}" rx="6"/>'
        '<text class="name" x="{}" y="{}">{}</text>'
        '<text x="{}" y="{}">{}</text></g>',
        *(step.state, f"{step.title}: {step.get_state_display()}"),
        *(x, f"{y - _HEIGHT / 2:.1f}", _WIDTH, _HEIGHT),
        *(x + 10, f"{y - 4:.1f}", _short(_name(step))),
        *(x + 10, f"{y + 13:.1f}", _short(_told(step))),
    )
    return links.link(jobs_of(step), node)


def _name(step: Step) -> str:
    times = "\N{MULTIPLICATION SIGN}"
    return f"{step.name} {times} {wording.number(step.size)}" if step.size > 1 else step.name


def _told(step: Step) -> str:
    state = str(step.get_state_display())
    if step.size > 1:
        state += ", " + _("%(done)s done") % {"done": wording.number(step.done)}
        if step.jobs_failed:
            state += ", " + ngettext("%d bad", "%d bad", step.jobs_failed) % step.jobs_failed
    return state


def _paths(where: Layout, middle: float) -> Iterator[tuple[str]]:
    for way in where.lines.values():
        yield (_path(way, middle),)


def _path(way: Sequence[Point], middle: float) -> str:
    """Return a line that leaves each box to the right and comes to the next from the left."""
    parts = []
    for start, end in pairwise(way):
        x1, x2 = _left(start) + _WIDTH, _left(end)
        y1, y2 = (middle + point.row * _ROW for point in (start, end))
        bend = (x1 + x2) / 2
        parts.append(f"M{x1} {y1:.1f}C{bend:.0f} {y1:.1f} {bend:.0f} {y2:.1f} {x2} {y2:.1f}")
    for point in way[1:-1]:  # through the ranks between
        x, y = _left(point), middle + point.row * _ROW
        parts.append(f"M{x} {y:.1f}H{x + _WIDTH}")
    return "".join(parts)


def _left(point: Point) -> int:
    return _MARGIN + point.rank * (_WIDTH + _GAP)


def _short(text: str) -> str:
    return text if len(text) <= _FITTING else f"{text[: _FITTING - 1]}…"
