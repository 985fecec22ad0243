"""How Sphinx builds these pages: ./scripts/docs. They are written to be read on a forge as well."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from pygments.lexers.sql import PostgresLexer

if TYPE_CHECKING:
    from sphinx.application import Sphinx

DOCS = Path(__file__).parent
ROOT = DOCS.parent

project = "django_jobs"
author = "django_jobs contributors"
copyright = f"2026, {author}"

# The source is the whole checkout, so that links such as ../README.md lead where they say.
root_doc = "docs/index"
include_patterns = ["*.md", "docs/*.md", "benchmarks/README.md"]
extensions = ["myst_parser", "sphinxcontrib.mermaid"]
myst_heading_anchors = 4
myst_fence_as_directive = ["mermaid"]

html_theme = "furo"
html_title = project


def setup(app: Sphinx) -> None:
    """Let Sphinx do what Markdown has no words for."""
    # The one for SQL stumbles over $$.
    app.add_lexer("sql", PostgresLexer)
    # A new page is listed even where the index is as it was.
    app.connect("env-get-outdated", lambda *_: [root_doc])
    app.connect("source-read", add_contents)
    app.connect("build-finished", copy_pictures)


def add_contents(app: Sphinx, page: str, source: list[str]) -> None:
    """Give the index its table of contents, read from its own lists of links."""
    if page != root_doc:
        return
    listed = []
    for caption, links in re.findall(r"^\*\*(.+)\*\*\n\n((?:[- ].*\n)+)", source[0], re.MULTILINE):
        pages = re.findall(r"^- \[.+?\]\((.+?)\.md\)", links, re.MULTILINE)
        source[0] += contents(caption, pages)
        listed += pages
    left = sorted({path.stem for path in DOCS.glob("*.md")} - {"index", *listed})
    others = [*sorted(f"../{path.stem}" for path in ROOT.glob("*.md")), "../benchmarks/README"]
    source[0] += contents("More", [*left, *others])


def contents(caption: str, pages: list[str]) -> str:
    """Return a table of contents that only the theme's side bar shows."""
    lines = ["", "```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```", ""]
    return "\n".join(lines)


def copy_pictures(app: Sphinx, exception: Exception | None) -> None:
    """Copy what the HTML in Markdown shows: Sphinx does not look into it."""
    if exception is None:
        shutil.copytree(DOCS / "images", app.outdir / "docs/images", dirs_exist_ok=True)
