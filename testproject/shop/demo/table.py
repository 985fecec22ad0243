"""A table of plain text."""

from collections.abc import Sequence


def table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Align the first column left and the others right, and rule off the heading."""
    lines = [heading, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heading))]
    rule = "  ".join("-" * width for width in widths)
    first, *others = (align(line, widths) for line in lines)
    return [first, rule, *others]


def align(line: Sequence[str], widths: Sequence[int]) -> str:
    """Pad the cells of one line."""
    first = line[0].ljust(widths[0])
    others = zip(line[1:], widths[1:], strict=True)
    return "  ".join([first, *(cell.rjust(width) for cell, width in others)])
