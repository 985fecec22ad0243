"""Charts as SVG, made on the server: attributes and classes only, as a strict policy wants it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from django_jobs.admin.dashboard.scale import Words

#: The size of the drawing, and of its margins: it is as wide as its place in the page.
WIDTH, HEIGHT = 400, 180
LEFT, RIGHT, TOP, BOTTOM = 56, 8, 10, 24
#: Moments that are named below a chart.
NAMED = 5


class Line(NamedTuple):
    """One thing that is drawn: a line, or a part of each bar."""

    #: Its class: what it looks like is for the style sheet.
    kind: str
    name: str
    #: None where nothing is known.
    values: Sequence[float | None]


@dataclass
class Chart:
    """Values over time."""

    key: str
    title: str
    #: What it says, in a sentence.
    description: str
    #: The name of each moment, and a shorter one for below the chart.
    moments: Sequence[str]
    short: Sequence[str]
    lines: Sequence[Line]
    #: Where there are lines across, from 0 up.
    levels: Sequence[float]
    words: Words
    #: The same for the levels, where there is less room.
    level_words: Words
    #: Whether the lines stand on each other, as bars.
    is_stacked: bool = False
    empty: str = field(default="")

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to see."""
        return not any(value for line in self.lines for value in line.values)

    @property
    def rows(self) -> list[tuple[str, list[str]]]:
        """Return each moment with its values in words, the newest first: the same as a table."""
        return [
            (moment, [self._said(line.values[place]) for line in self.lines])
            for place, moment in reversed(list(enumerate(self.moments)))
        ]

    @property
    def svg(self) -> SafeString:
        """Return the drawing."""
        return format_html(
            '<svg class="django-jobs-chart" viewBox="0 0 {} {}" role="img" '
            'aria-labelledby="django-jobs-{}-title django-jobs-{}-desc">'
            '<title id="django-jobs-{}-title">{}</title><desc id="django-jobs-{}-desc">{}</desc>'
            "{}{}{}{}</svg>",
            WIDTH, HEIGHT, self.key, self.key, self.key, self.title, self.key, self.description,
            self._across(), self._bars() if self.is_stacked else self._polylines(),
            self._below(), self._slots(),
        )  # fmt: skip

    # Where ------------------------------------------------------------------------------------

    @cached_property
    def _width(self) -> float:
        return (WIDTH - LEFT - RIGHT) / len(self.moments)

    def _x(self, place: float) -> float:
        return LEFT + place * self._width

    def _y(self, value: float) -> float:
        top = self.levels[-1] or 1.0
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(value / top, 1.0)

    # What -------------------------------------------------------------------------------------

    def _across(self) -> SafeString:
        return format_html_join(
            "",
            '<line class="level" x1="{}" x2="{}" y1="{}" y2="{}"/>'
            '<text class="level" x="{}" y="{}" text-anchor="end">{}</text>',
            (
                (LEFT, WIDTH - RIGHT, _at(self._y(level)), _at(self._y(level)),
                 LEFT - 6, _at(self._y(level) + 4), self.level_words(level))
                for level in self.levels
            ),
        )  # fmt: skip

    def _below(self) -> SafeString:
        every = max(1, round(len(self.short) / NAMED))
        places = range(every // 2, len(self.short), every)
        return format_html_join(
            "",
            '<text class="moment" x="{}" y="{}" text-anchor="middle">{}</text>',
            ((_at(self._x(place + 0.5)), HEIGHT - 8, self.short[place]) for place in places),
        )

    def _bars(self) -> SafeString:
        return format_html_join(
            "", '<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>', self._parts()
        )

    def _parts(self) -> Iterator[tuple[str, str, str, str, str]]:
        for place in range(len(self.moments)):
            below = 0.0
            for line in self.lines:
                value = line.values[place] or 0
                if value:
                    top, bottom = self._y(below + value), self._y(below)
                    x, width = self._x(place + 0.1), self._width * 0.8
                    yield line.kind, _at(x), _at(top), _at(width), _at(max(bottom - top, 0.5))
                below += value

    def _polylines(self) -> SafeString:
        return format_html_join(
            "",
            '<polyline class="line {}" points="{}"/>',
            ((line.kind, points) for line in self.lines for points in self._pieces(line)),
        )

    def _pieces(self, line: Line) -> Iterator[str]:
        """Yield the points of each piece of a line between two gaps."""
        piece: list[str] = []
        for place, value in enumerate([*line.values, None]):
            if value is not None:
                piece.append(f"{_at(self._x(place + 0.5))},{_at(self._y(value))}")
            elif piece:
                # A single point is drawn by the round ends of a line that goes nowhere.
                yield " ".join(piece if len(piece) > 1 else piece * 2)
                piece = []

    def _slots(self) -> SafeString:
        """Return a column for each moment, which tells its values to who points at it."""
        return format_html_join(
            "",
            '<rect class="slot" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
            (
                (_at(self._x(place)), TOP, _at(self._width), HEIGHT - TOP - BOTTOM,
                 self._told(place))
                for place in range(len(self.moments))
            ),
        )  # fmt: skip

    def _told(self, place: int) -> str:
        values = (f"{line.name}: {self._said(line.values[place])}" for line in self.lines)
        return "\n".join([self.moments[place], *values])

    def _said(self, value: float | None) -> str:
        return "–" if value is None else self.words(value)  # noqa: RUF001 - a dash


def _at(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
