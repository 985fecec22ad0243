"""What the database is told, to make the triggers of a declaration and to drop them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.ddl_references import Statement, Table
from django.db.models import Model

from django_jobs import firing
from django_jobs.triggers import declared
from django_jobs.triggers.quoting import identifier, literal
from django_jobs.triggers.selecting import Selection

if TYPE_CHECKING:
    from django_jobs.triggers.declaration import JobTrigger

_CREATE = (
    "CREATE%(replace)s TRIGGER %(name)s AFTER %(event)s ON %(table)s REFERENCING %(rows)s "
    "FOR EACH STATEMENT EXECUTE FUNCTION %(function)s(%(arguments)s); "
    "SELECT %(try)s(%(relation)s::regclass, %(quoted)s)"
)
_DROP = "DROP TRIGGER IF EXISTS %(name)s ON %(table)s"
_ROWS = {
    "insert": "NEW TABLE AS new_rows",
    "update": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "delete": "OLD TABLE AS old_rows",
}


class Arguments(NamedTuple):
    """What a trigger hands to the function that it calls."""

    given: str
    select: str


class _Relation:
    """A table as a constant, which follows the table when a migration gives it another name."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def __str__(self) -> str:
        return literal(str(self._table))


def takes_part(connection: BaseDatabaseWrapper) -> bool:
    """Return whether jobs are stored in this database."""
    return connection.vendor == "postgresql" and router.allow_migrate(
        connection.alias, "django_jobs", model_name="job"
    )


def make_function(connection: BaseDatabaseWrapper) -> None:
    """Make the function that triggers call, where they come before the migrations of this app."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regprocedure(%s)", (f"{firing.FUNCTION}()",))
        if cursor.fetchone() == (None,):
            cursor.execute(firing.CREATE)


def create_statement(
    trigger: JobTrigger,
    model: type[Model],
    connection: BaseDatabaseWrapper,
    events: Iterable[str] | None = None,
    *,
    replace: bool = False,
) -> Statement:
    """Return what makes the triggers of these events, or of all; raise InvalidOption."""
    table = Table(model._meta.db_table, connection.ops.quote_name)
    parts: dict[str, Any] = {"table": table, "relation": _Relation(table)}
    templates = []
    for number, event in enumerate(trigger.on if events is None else events):
        given = arguments(trigger, model, event, connection)
        parts[f"arguments{number}"] = ", ".join(map(literal, given))
        words = {
            "replace": " OR REPLACE" if replace else "",
            "name": identifier(trigger.name_for(event)),
            "event": event.upper(),
            "table": "%(table)s",
            "rows": _ROWS[event],
            "function": firing.FUNCTION,
            "arguments": f"%(arguments{number})s",
            "try": firing.TRY_FUNCTION,
            "relation": "%(relation)s",
            "quoted": literal(trigger.name_for(event)),
        }
        templates.append(_CREATE % words)
    return Statement("; ".join(templates), **parts)


def drop_statement(
    trigger: JobTrigger, model: type[Model], connection: BaseDatabaseWrapper
) -> Statement:
    """Return what drops the triggers of all events."""
    template = "; ".join(
        _DROP % {"name": identifier(trigger.name_for(event)), "table": "%(table)s"}
        for event in trigger.on
    )
    return Statement(template, table=Table(model._meta.db_table, connection.ops.quote_name))


def arguments(
    trigger: JobTrigger, model: type[Model], event: str, connection: BaseDatabaseWrapper
) -> Arguments:
    """Return what the trigger for one event is made with, or raise InvalidOption."""
    selected = Selection(trigger, model, event, connection).build()
    given = {
        "trigger": trigger.name,
        "model": model._meta.label_lower,
        "columns": declared.constants(trigger),
        "select": selected.columns,
        "notify": trigger.notify,
    }
    return Arguments(json.dumps(given, sort_keys=True, ensure_ascii=False), selected.sql)
