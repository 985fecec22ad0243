"""The SELECT that makes jobs of the changed rows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model, Q, Value
from django.db.models.sql import Query

from django_jobs import encoding
from django_jobs.exceptions import InvalidOption
from django_jobs.states import State
from django_jobs.triggers import declared
from django_jobs.triggers.columns import as_json
from django_jobs.triggers.quoting import identifier, literal
from django_jobs.triggers.references import NEW, OLD, Reference, fields, find, template

if TYPE_CHECKING:
    from django_jobs.triggers.declaration import JobTrigger

#: Rows of which a job for a whole statement is told the primary keys: of more it gets None.
MAX_IDS = 10_000
#: Characters of a unique key. A longer one ends in a hash of the whole.
_MAX_KEY, _HASHED = 255, 222

#: What a job for a whole statement can be told.
STATEMENT_WORDS = ("ids", "count", "operation", "table")


class Selected(NamedTuple):
    """The columns of a job that a SELECT yields, and the SELECT."""

    columns: tuple[str, ...]
    sql: str


class Selection:
    """Builds the SELECT of one trigger for one event."""

    def __init__(
        self,
        trigger: JobTrigger,
        model: type[Model],
        event: str,
        connection: BaseDatabaseWrapper,
    ) -> None:
        self._trigger, self._model, self._event = trigger, model, event
        self._connection = connection
        #: Its primary key as JSON, where the job of a statement is told the keys.
        self._key_of_row = "NULL"
        #: Rows that something was taken from.
        self._used = {OLD if event == "delete" else NEW}

    def build(self) -> Selected:
        """Return the SELECT, or raise InvalidOption naming what cannot be."""
        columns = self._columns()
        changed = self._changed()
        conditions = {side: self._condition(side) for side in (NEW, OLD)}
        if self._event == "update" and conditions[OLD]:
            self._used.add(OLD)
        listed = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
        rows = self._rows(conditions) + (f" WHERE {changed}" if changed else "")
        if self._trigger.for_each == "statement":
            # Numbered, so that no more keys are held than are told, of however many rows.
            taken = f"SELECT {self._key_of_row} AS key, row_number() OVER () AS place FROM {rows}"  # noqa: S608
            rows = f"({taken}) AS changed HAVING count(*) > 0"
        sql = f"SELECT {listed} FROM {rows}"  # noqa: S608 - names of columns
        return Selected(tuple(columns), sql)

    def _columns(self) -> dict[str, str]:
        trigger = self._trigger
        columns = {}
        if trigger.kwargs is None:
            first = "ids" if trigger.for_each == "statement" else "pk"
            columns["args"] = f"jsonb_build_array({self._argument(first)})"
        defaults = declared.kwargs(trigger)
        if trigger.kwargs or defaults:
            columns["kwargs"] = self._kwargs(trigger.kwargs or {}, defaults)
        if trigger.unique_key is not None:
            columns["unique_key"] = self._unique_key(trigger.unique_key)
        elif (key := declared.unique_key(trigger)) is not None:
            columns["unique_key"] = f"{literal(key)}::text"
        if trigger.scheduled_at is not None:
            due = self._due(trigger.scheduled_at)
            columns["state"] = (
                f"CASE WHEN {due} > statement_timestamp() "
                f"THEN '{State.SCHEDULED}' ELSE '{State.READY}' END"
            )
            columns["scheduled_at"] = f"coalesce({due}, statement_timestamp())"
        return columns

    def _kwargs(self, given: dict[str, str | Value], defaults: dict[str, Any]) -> str:
        members = [
            f"{literal(name)}, {literal(encoding.encode(value, name))}::jsonb"
            for name, value in sorted(defaults.items())
        ]
        # Sorted, as migrations write them, so that a declaration has one text.
        for name, wanted in sorted(given.items()):
            if isinstance(wanted, Value):
                value = f"{literal(encoding.encode(wanted.value, name))}::jsonb"
            else:
                value = self._argument(wanted)
            members.append(f"{literal(name)}, {value}")
        # A function takes a hundred arguments at most.
        parts = [members[start : start + 50] for start in range(0, len(members), 50)]
        return " || ".join(f"jsonb_build_object({', '.join(part)})" for part in parts)

    def _argument(self, wanted: str) -> str:
        if self._trigger.for_each == "row":
            return self._json(Reference.read(wanted))
        match wanted:
            case "ids":
                self._key_of_row = self._json(Reference(None, "pk"))
                told = f"jsonb_agg(key) FILTER (WHERE place <= {MAX_IDS})"
                return f"CASE WHEN count(*) <= {MAX_IDS} THEN {told} END"
            case "count":
                return "count(*)"
            case "operation":
                return literal(self._event)
            case "table":
                return literal(self._model._meta.db_table)
        raise InvalidOption(
            f"A job for a whole statement can be told {', '.join(STATEMENT_WORDS)}, not {wanted!r}."
        )

    def _json(self, reference: Reference) -> str:
        side = reference.seen_by(self._event)
        field = find(self._model, reference.name)
        if side is None:
            return "'null'::jsonb"
        self._used.add(side)
        parts = [as_json(one, self._column(side, one), self._connection) for one in fields(field)]
        if len(parts) == 1:
            return parts[0]
        return f"jsonb_build_object('$tuple', jsonb_build_array({', '.join(parts)}))"

    def _unique_key(self, text: str) -> str:
        pieces, is_constant = [], True
        for before, reference in template(text):
            if before:
                pieces.append(literal(before))
            if reference is not None:
                if self._trigger.for_each == "statement":
                    raise InvalidOption(
                        "unique_key: a job for a whole statement has no one row to name."
                    )
                pieces.append(self._text(reference))
                is_constant = False
        whole = f"({' || '.join(pieces)})"
        if is_constant:
            return f"{whole}::text"
        # Never an error, which would fail the statement of whoever writes the row.
        return (
            f"CASE WHEN length({whole}) <= {_MAX_KEY} THEN {whole} "
            f"ELSE left({whole}, {_HASHED}) || '-' || md5({whole}) END"
        )

    def _text(self, reference: Reference) -> str:
        side = reference.seen_by(self._event)
        field = find(self._model, reference.name)
        if side is None:
            return "'None'"
        self._used.add(side)
        texts = [f"coalesce({self._column(side, one)}::text, 'None')" for one in fields(field)]
        return " || '-' || ".join(texts)

    def _due(self, due: timedelta | str) -> str:
        if isinstance(due, timedelta):
            return f"statement_timestamp() + interval '{due.total_seconds():f} seconds'"
        if self._trigger.for_each == "statement":
            raise InvalidOption("scheduled_at: a job for a whole statement has no one row to name.")
        reference = Reference.read(due)
        field = find(self._model, reference.name)
        if field.get_internal_type() != "DateTimeField":
            raise InvalidOption(f"scheduled_at: {field} is no DateTimeField.")
        side = reference.seen_by(self._event)
        if side is None:
            return "NULL::timestamptz"
        self._used.add(side)
        return self._column(side, field)

    def _changed(self) -> str:
        """Return the condition that one of the fields of ``update_of`` has changed."""
        if self._event != "update" or not self._trigger.update_of:
            return ""
        self._used.update((NEW, OLD))
        watched = [
            one for name in self._trigger.update_of for one in fields(find(self._model, name))
        ]
        old, new = (
            ", ".join(self._column(side, field) for field in watched) for side in (OLD, NEW)
        )
        # As they are stored: for this every type will do, in whatever schema its operators are.
        return f"ROW({new})::record OPERATOR(pg_catalog.*<>) ROW({old})::record"

    def _rows(self, conditions: dict[str, str]) -> str:
        sources = {}
        for side in self._used:
            rows = f"{side}_rows"
            if conditions[side]:
                rows = f"(SELECT * FROM {rows} WHERE {conditions[side]})"  # noqa: S608
            sources[side] = f"{rows} AS {side}"
        if len(sources) == 1:
            (only,) = sources.values()
            return only
        keys = [self._column(side, key) for side in (NEW, OLD) for key in self._key()]
        half = len(keys) // 2
        same = " AND ".join(f"{a} = {b}" for a, b in zip(keys[:half], keys[half:], strict=True))
        return f"{sources[NEW]} JOIN {sources[OLD]} ON {same}"

    def _key(self) -> list[Any]:
        return list(fields(self._model._meta.pk))

    def _condition(self, side: str) -> str:
        """Return the condition on one of the rows, as a CheckConstraint would have it."""
        trigger = self._trigger
        when: Q | None = None
        if side == Reference(None, "").seen_by(self._event):
            when = trigger.when
        elif side == OLD and self._event == "update":
            when = trigger.when_old
        if when is None:
            return ""
        query = Query(model=self._model, alias_cols=False)
        where = query.build_where(when)
        compiler = query.get_compiler(connection=self._connection)
        sql, params = where.as_sql(compiler, self._connection)
        quote = self._connection.schema_editor(collect_sql=True).quote_value
        return str(sql % tuple(quote(value) for value in params))

    def _column(self, side: str, field: Any) -> str:
        return f"{side}.{identifier(field.column)}"
