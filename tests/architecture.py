"""The rules of the house, read from the source: floors, circles, settings, SQL, sizes, names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PACKAGE = "django_jobs"

#: Every module and package directly inside the package, and the floor it is on.
FLOORS = {
    # 0 words
    "": 0,
    "backoff": 0,
    "batches": 0,
    "capabilities": 0,
    "choices": 0,
    "chronicle": 0,
    "conf": 0,
    "crontab": 0,
    "definitions": 0,
    "context": 0,
    "declarations": 0,
    "dependencies": 0,
    "durations": 0,
    "encoding": 0,
    "exceptions": 0,
    "faults": 0,
    "fields": 0,
    "keys": 0,
    "flows": 0,
    "handing": 0,
    "histogram": 0,
    "limits": 0,
    "literals": 0,
    "memory": 0,
    "notebook": 0,
    "options": 0,
    "orders": 0,
    "outcomes": 0,
    "parameters": 0,
    "planning": 0,
    "prepared": 0,
    "queueing": 0,
    "rates": 0,
    "redaction": 0,
    "prerequisites": 0,
    "reasons": 0,
    "scheduling": 0,
    "registry": 0,
    "signals": 0,
    "specs": 0,
    "states": 0,
    "timetable": 0,
    "wording": 0,
    # 1 rows
    "firing": 1,
    "migrations": 1,
    "models": 1,
    "procedures": 1,
    # 2 engine
    "databaseclock": 2,
    "engine": 2,
    "argumentindex": 2,
    "calls": 2,
    "failures": 2,
    "figures": 2,
    "finding": 2,
    "graphs": 2,
    "history": 2,
    "horizon": 2,
    "notifications": 2,
    "roster": 2,
    "pauses": 2,
    "runs": 2,
    "slices": 2,
    "stats": 2,
    "rights": 2,
    "surroundings": 2,
    "tallies": 2,
    "triggers": 2,
    # 3 client
    "api": 3,
    "awaiting": 3,
    "backend": 3,
    "bounds": 3,
    "coverage": 3,
    "catalogue": 3,
    "decorators": 3,
    "endings": 3,
    "explanations": 3,
    "fitness": 3,
    "jobfunctions": 3,
    "lifesigns": 3,
    "obstacles": 3,
    "receivers": 3,
    "schedules": 3,
    # 4 one job
    "execution": 4,
    "executors": 4,
    "expansion": 4,
    "housekeeping": 4,
    "recorder": 4,
    "spawned": 4,
    "judgement": 4,
    "middleware": 4,
    "waiting": 4,
    # 5 processes
    "logs": 5,
    "services": 5,
    "supervisor": 5,
    "worker": 5,
    # 6 doors
    "admin": 6,
    "apps": 6,
    "checks": 6,
    "flags": 6,
    "management": 6,
    "preconditions": 6,
    "progress": 6,
    "templatetags": 6,
    "terminal": 6,
    "testing": 6,
}
#: Where SQL may stand.
SQL_FLOORS = (1, 2)
#: The one module that reads Django's settings.
SETTINGS_READER = "conf"
#: Floors on which no state of a job is named: they ask, the engine does.
STATELESS_FLOORS = (4, 5)
VAGUE = {"utils", "util", "helpers", "common", "misc", "tools", "base2", "manager2"}
MAX_LINES = 300
MAX_FUNCTION_LINES = 40

_SQL_TEXT = re.compile(
    r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s.+\sSET|DELETE\s+FROM|ALTER\s+TABLE|LISTEN\s|"
    r"COPY\s.+\sFROM|TRUNCATE\s)",
    re.DOTALL,
)
_STATE_SQL = re.compile(r"\bSET\b[^;]*\bstate\s*=")
_SQL_CALLS = {"cursor", "execute", "executemany", "copy", "mogrify", "raw", "extra"}
#: Words whose call with ``state=`` writes it.
_WRITES = {"update", "create", "get_or_create", "update_or_create", "bulk_create", "bulk_update"}


class Module:
    """One file of the package and what it says."""

    def __init__(self, root: Path, path: Path) -> None:
        parts = path.relative_to(root).with_suffix("").parts
        self.parts = parts[:-1] if parts[-1] == "__init__" else parts
        self.is_package = parts[-1] == "__init__"
        self.name = ".".join(self.parts)
        self.source = path.read_text()
        self.tree, self.nodes = _parse(self.source)

    @property
    def floor(self) -> int | None:
        return floor_of(self.name)

    @property
    def is_migration(self) -> bool:
        return self.parts[:1] == ("migrations",)

    def imports(self, known: set[str]) -> Iterator[tuple[str, int]]:
        """Yield the modules of the package that this one imports, and the line."""
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if (name := _inside(alias.name)) is not None:
                        yield name, node.lineno
            elif isinstance(node, ast.ImportFrom):
                yield from self._imported_from(node, known)

    def _imported_from(self, node: ast.ImportFrom, known: set[str]) -> Iterator[tuple[str, int]]:
        base = node.module or ""
        if node.level:
            here = [PACKAGE, *self.parts] if self.is_package else [PACKAGE, *self.parts[:-1]]
            base = ".".join([*here[: len(here) - node.level + 1], *filter(None, [base])])
        name = _inside(base)
        if name is None:
            return
        for alias in node.names:
            inner = f"{name}.{alias.name}".strip(".")
            yield (inner if inner in known else name), node.lineno


def _inside(dotted: str) -> str | None:
    if dotted != PACKAGE and not dotted.startswith(f"{PACKAGE}."):
        return None
    return dotted[len(PACKAGE) + 1 :]


@lru_cache(maxsize=1000)
def _parse(source: str) -> tuple[ast.Module, list[ast.AST]]:
    """Return the tree, and all its nodes but those that are there for type checkers alone."""
    tree = ast.parse(source)
    nodes: list[ast.AST] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        nodes.append(node)
        only_types = isinstance(node, ast.If) and _is_type_checking(node.test)
        waiting += node.orelse if only_types else ast.iter_child_nodes(node)  # type: ignore[attr-defined]
    return tree, nodes


def _is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def floor_of(name: str) -> int | None:
    return FLOORS.get(name.partition(".")[0])


def violations(root: Path) -> list[str]:
    """Return what is wrong in the package at ``root``, each with its module and line."""
    modules = [Module(root, path) for path in sorted(root.rglob("*.py"))]
    found = [*_homeless(modules), *_upward(modules), *_circles(modules)]
    for module in modules:
        for check in (_settings, _sql, _state_writes, _state_words, _sizes, _names):
            found += [f"{module.name or PACKAGE}: {what}" for what in check(module)]
    return found


def _homeless(modules: list[Module]) -> Iterator[str]:
    for module in modules:
        if module.floor is None:
            yield f"{module.name}: is on no floor: add it to FLOORS"


def _upward(modules: list[Module]) -> Iterator[str]:
    known = {module.name for module in modules}
    for module in modules:
        for name, line in module.imports(known):
            there, here = floor_of(name), module.floor
            if there is not None and here is not None and there > here:
                yield f"{module.name}:{line}: imports {name} upward, from floor {here} to {there}"


def _circles(modules: list[Module]) -> Iterator[str]:
    known = {module.name for module in modules}
    graph = {
        module.name: {name for name, _ in module.imports(known)} - {module.name}
        for module in modules
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield f"imports go round in a circle: {' <- '.join(error.args[1])}"


def _settings(module: Module) -> Iterator[str]:
    if module.name == SETTINGS_READER:
        return
    for node in module.nodes:
        match node:
            case ast.ImportFrom(module="django.conf"):
                found = True
            case ast.Import(names=names):
                found = any(alias.name == "django.conf" for alias in names)
            case ast.Attribute():
                found = ast.unparse(node) == "django.conf"
            case _:
                continue
        if found:
            yield f"{node.lineno}: reads django.conf; only {SETTINGS_READER} may"


def _sql(module: Module) -> Iterator[str]:
    if module.floor in SQL_FLOORS:
        return
    for node in module.nodes:
        match node:
            case ast.Call(func=ast.Attribute(attr=name)) if name in _SQL_CALLS:
                if not _is_context(node):
                    yield f"{node.lineno}: calls {ast.unparse(node.func)}(): SQL is for the engine"
            case ast.Constant(value=str(text)) if _SQL_TEXT.search(text):
                yield f"{node.lineno}: holds SQL: {text[:40]!r}"


def _is_context(node: ast.Call) -> bool:
    """Tell whether it is ``contextvars.copy_context()`` or the copy of a plain object."""
    return isinstance(node.func, ast.Attribute) and node.func.attr == "copy" and not node.args


def _state_writes(module: Module) -> Iterator[str]:
    if module.parts[:1] == ("engine",):
        return
    for node in module.nodes:
        match node:
            case ast.Attribute(attr="state", ctx=ast.Store()):
                yield f"{node.lineno}: writes {ast.unparse(node)}: only the engine may"
            case ast.Call() if _writes_state(node):
                yield f"{node.lineno}: {ast.unparse(node.func)}(state=…): only the engine may"
            case ast.Constant(value=str(text)) if _STATE_SQL.search(text):
                yield f"{node.lineno}: writes state in SQL: only the engine may"


def _writes_state(node: ast.Call) -> bool:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
    return name in _WRITES and any(keyword.arg == "state" for keyword in node.keywords)


def _state_words(module: Module) -> Iterator[str]:
    if module.floor not in STATELESS_FLOORS:
        return
    for node in module.nodes:
        if isinstance(node, ast.ImportFrom) and node.module == f"{PACKAGE}.states":
            yield f"{node.lineno}: names states of jobs: it asks, the engine does"


def _sizes(module: Module) -> Iterator[str]:
    if module.is_migration:
        return
    lines = len(module.source.splitlines())
    if lines > MAX_LINES:
        yield f"has {lines} lines, more than {MAX_LINES}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                yield f"{node.lineno}: {node.name}() has {length} lines"


def _names(module: Module) -> Iterator[str]:
    for part in module.parts:
        if part in VAGUE:
            yield f"{part!r} says nothing about what is inside"
