"""What a subcommand says, as text or as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.core.management.base import OutputWrapper
from django.core.serializers.json import DjangoJSONEncoder

FORMATS = ("text", "json")


class Output:
    """Writes to a terminal, where what jobs have said of themselves must not work as commands."""

    def __init__(self, stream: OutputWrapper, form: str) -> None:
        self._stream = stream
        self._is_json = form == "json"

    def say(self, text: str, data: Mapping[str, Any]) -> None:
        """Write the text, or the data if JSON was asked for."""
        if self._is_json:
            self._stream.write(
                json.dumps(data, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)
            )
        else:
            self._stream.write(printable(text))

    def warn(self, text: str) -> None:
        """Write a line that is no part of the data."""
        if not self._is_json:
            self._stream.write(printable(text))


def printable(text: str) -> str:
    """Return a text whose control characters are shown instead of obeyed."""
    return "".join(
        char if char.isprintable() or char in "\n\t" else ascii(char)[1:-1] for char in text
    )
