"""Values as SQL text: what a trigger runs is stored as text, and takes no parameters."""

from __future__ import annotations


def literal(text: str) -> str:
    """Return a text as a constant, whatever the session thinks of backslashes."""
    quoted = text.replace("'", "''")
    if "\\" in quoted:
        doubled = quoted.replace("\\", "\\\\")
        return f"E'{doubled}'"
    return f"'{quoted}'"


def identifier(name: str) -> str:
    """Return the quoted name of a column or a trigger."""
    return '"' + name.replace('"', '""') + '"'
