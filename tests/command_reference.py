"""The part of docs/commands.md that is made from the code: ``python -m tests.command_reference``.

It prints what stands below the heading "Subcommands"; a test compares the page with it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import django

if TYPE_CHECKING:
    from django_jobs.terminal import Subcommand


def reference() -> str:
    """Return a section for each subcommand."""
    from django_jobs.terminal import SUBCOMMANDS  # models: not before django.setup()

    return "\n\n".join("\n".join(_section(one)) for one in SUBCOMMANDS)


def _section(subcommand: type[Subcommand]) -> Iterator[str]:
    parser = argparse.ArgumentParser(add_help=False)
    subcommand.add_arguments(parser)
    yield f"### {subcommand.name}\n\n{subcommand.help}\n"
    yield f"| `jobs {subcommand.name}` takes | meaning |\n|---|---|"
    for action in parser._actions:
        if action.dest not in ("format", "database"):
            yield f"| `{_usage(action)}` | {_meaning(action)} |"
    yield "| `--format FORMAT`, `--database ALIAS` | As for all. |"


def _usage(action: argparse.Action) -> str:
    value: Any = action.metavar or action.dest.upper()
    if action.choices is not None and action.metavar is None:
        value = "STATE"
    if not action.option_strings:
        return {"*": f"[{value} …]", "+": f"{value} …", "?": f"[{value}]"}.get(
            str(action.nargs), str(value)
        )
    flags = "`, `".join(action.option_strings)
    return flags if action.nargs == 0 else f"{flags} {value}"


def _meaning(action: argparse.Action) -> str:
    if action.choices is None:
        return str(action.help)
    names = [f"`{name}`" for name in action.choices]
    return f"{action.help} One of {', '.join(names)}."


if __name__ == "__main__":
    django.setup()
    print(reference())
