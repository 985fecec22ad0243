"""The pages for people: their code, their links and their tables, as tests look at them."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.utils.module_loading import import_string

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *sorted(DOCS.glob("*.md")),
]

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block of code. Its first line may name the file that it stands for: ``# shop/jobs.py``."""

    language: str
    #: The path of the exception that it is there to show.
    raises: str
    code: str
    #: The line of the page that it begins on, for tracebacks.
    line: int

    @property
    def module(self) -> str | None:
        """Return the name of the module that it is, None for a piece of a shell session."""
        named = re.match(r"# ([\w/]+)\.py\n", self.code)
        return named[1].replace("/", ".") if named else None


def blocks(page: Path) -> Iterator[Block]:
    """Return the blocks of code of a page."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        language, _, rest = found["info"].partition(" ")
        line = text.count("\n", 0, found.start("code"))
        yield Block(language, rest.removeprefix("raises="), found["code"], line)


def python_blocks(page: Path) -> list[Block]:
    """Return the blocks that are Python."""
    return [block for block in blocks(page) if block.language == "python"]


def links(page: Path) -> list[str]:
    """Return the targets of a page's links, without those that lead elsewhere."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    targets = [found["target"] for found in _LINK.finditer(text)]
    return [target for target in targets if not target.startswith(("http:", "https:"))]


def anchors(page: Path) -> set[str]:
    """Return what links to the page's headings may name."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return {_anchor(found["text"]) for found in _HEADING.finditer(text)}


def table(page: Path, first_heading: str) -> list[list[str]]:
    """Return the rows of the table whose first column is headed so."""
    lines = page.read_text(encoding="utf-8").splitlines()
    (start,) = (n for n, line in enumerate(lines) if line.startswith(f"| {first_heading} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def names(cell: str) -> list[str]:
    """Return what a cell names as code."""
    return re.findall(r"`([^`]+)`", cell)


class Session:
    """Runs the code of a page from top to bottom, in a project that has an app ``shop``."""

    def __init__(self, page: Path, patch: pytest.MonkeyPatch, **given: Any) -> None:
        """``given`` are the names that the page takes for granted."""
        self.page = page
        self.names: dict[str, Any] = {"__name__": "shop.session", **given}
        self._set_module: Callable[[str, ModuleType], None] = lambda name, module: patch.setitem(
            sys.modules, name, module
        )
        self.shop = self._module("shop")
        self.shop.models = self._alias("shop.models", "testproject.shop.models")  # type: ignore[attr-defined]

    def run(self) -> None:
        """Run every block of the page."""
        for block in python_blocks(self.page):
            if block.raises:
                with pytest.raises(import_string(_dotted(block.raises))):
                    self._run(block)
            else:
                self._run(block)

    def module(self, name: str) -> ModuleType:
        """Return a module that the page has written."""
        return sys.modules[name]

    def _run(self, block: Block) -> None:
        space = self.names if block.module is None else self._module(block.module).__dict__
        # As many empty lines before it as the page has, so that tracebacks show where it is.
        code = compile("\n" * block.line + block.code, str(self.page), "exec")
        exec(code, space)

    def _module(self, name: str) -> ModuleType:
        module = ModuleType(name)
        self._set_module(name, module)
        if name.startswith("shop."):
            setattr(self.shop, name.removeprefix("shop."), module)
        return module

    def _alias(self, name: str, real: str) -> ModuleType:
        module = sys.modules[real]
        self._set_module(name, module)
        return module


def _anchor(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def _dotted(name: str) -> str:
    return name if "." in name else f"builtins.{name}"
