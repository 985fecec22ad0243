"""JobTrigger: a declaration that a migration turns into triggers of the database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from django.db import router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement, Table
from django.db.models import Model, Q, Value
from django.db.models.constraints import BaseConstraint

from django_jobs import firing, options, registry
from django_jobs.durations import Duration
from django_jobs.exceptions import InvalidOption, did_you_mean
from django_jobs.specs import CHECKS, JobSpec
from django_jobs.triggers.quoting import identifier, literal
from django_jobs.triggers.references import Reference, template
from django_jobs.triggers.selecting import Selection

EVENTS = ("insert", "update", "delete")
FOR_EACH = ("row", "statement")
#: PostgreSQL cuts longer names off; an event is put behind it.
MAX_NAME = 63 - len("_insert")

#: What the declaration of the job function says where the trigger does not.
_DECLARED = ("queue", "priority", "max_attempts", "timeout")
#: Columns that are the same for all jobs of a trigger, beside the name of the function.
_COLUMNS = ("queue", "priority", "max_attempts", "timeout", "memory_limit", "units")

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


class JobTrigger(BaseConstraint):
    """Make jobs of the rows that a statement changes, whoever sends it; put it in Meta.constraints.

    Raise InvalidOption where an option makes no sense. What depends on the model and on the job
    function is for ``manage.py check``, and for the migration.
    """

    def __init__(
        self,
        *,
        name: str,
        job: str | Callable[..., Any],
        on: str | Iterable[str],
        for_each: str = "row",
        kwargs: Mapping[str, str | Value] | None = None,
        when: Q | None = None,
        when_old: Q | None = None,
        update_of: Iterable[str] | None = None,
        unique_key: str | None = None,
        queue: str | None = None,
        priority: int | None = None,
        max_attempts: int | None = None,
        timeout: Duration | None = None,
        scheduled_at: timedelta | str | None = None,
        notify: bool = True,
    ) -> None:
        super().__init__(name=_check_name(name))
        self.job = _job_name(job)
        self.on = _words("on", on, EVENTS)
        self.for_each = _word("for_each", for_each, FOR_EACH)
        self.kwargs = None if kwargs is None else _check_kwargs(kwargs)
        self.when, self.when_old = _condition("when", when), _condition("when_old", when_old)
        self.update_of = () if update_of is None else _names("update_of", update_of)
        self.unique_key = unique_key
        if unique_key is not None:
            list(template(options.check_name(unique_key, "unique_key")))
        self.queue = None if queue is None else CHECKS["queue"](queue)
        self.priority = None if priority is None else CHECKS["priority"](priority)
        self.max_attempts = None if max_attempts is None else CHECKS["max_attempts"](max_attempts)
        self.timeout = None if timeout is None else CHECKS["timeout"](timeout)
        self.scheduled_at = None if scheduled_at is None else _check_due(scheduled_at)
        self.notify = options.check_flag(notify, "notify")
        self._refuse_what_is_never_there()

    def _refuse_what_is_never_there(self) -> None:
        sides = {Reference.read(text).side for text in self._references()}
        for option, is_given, is_possible in (
            ("update_of", bool(self.update_of), "update" in self.on),
            ("when_old", self.when_old is not None, "update" in self.on),
            ("old.…", "old" in sides, self.on != ("insert",)),
            ("new.…", "new" in sides, self.on != ("delete",)),
        ):
            if is_given and not is_possible:
                raise InvalidOption(
                    f"{self.name}: {option} has no meaning for a trigger on "
                    f"{' and '.join(self.on)}."
                )

    def _references(self) -> Iterator[str]:
        yield from (text for text in (self.kwargs or {}).values() if isinstance(text, str))
        if isinstance(self.scheduled_at, str):
            yield self.scheduled_at

    # What Django's migrations and models ask of a constraint -----------------------------------

    def deconstruct(self) -> tuple[str, tuple[()], dict[str, Any]]:
        """Return what makes an equal trigger, in plain values."""
        given = {
            "name": self.name,
            "job": self.job,
            "on": list(self.on) if len(self.on) > 1 else self.on[0],
            "for_each": self.for_each,
            "kwargs": self.kwargs,
            "when": self.when,
            "when_old": self.when_old,
            "update_of": list(self.update_of),
            "unique_key": self.unique_key,
            **{option: getattr(self, option) for option in _DECLARED},
            "scheduled_at": self.scheduled_at,
            "notify": self.notify,
        }
        usual = {"for_each": "row", "update_of": [], "notify": True}
        kept = {
            name: value
            for name, value in given.items()
            if value is not None and not (name in usual and value == usual[name])
        }
        return "django_jobs.triggers.JobTrigger", (), kept

    def __eq__(self, other: object) -> bool:
        if isinstance(other, JobTrigger):
            return self.deconstruct() == other.deconstruct()
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self.name, self.job, self.on))

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.deconstruct()[2].items())
        return f"<JobTrigger: {given}>"

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: it constrains no row."""

    def constraint_sql(  # type: ignore[override]
        self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor
    ) -> None:
        """Have the triggers made once the table is there: nothing of them stands in its CREATE."""
        if sql := self.create_sql(model, schema_editor):
            schema_editor.deferred_sql.append(sql)

    def create_sql(  # type: ignore[override]
        self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor
    ) -> Statement | str:
        """Return what makes the triggers: nothing where there are no jobs."""
        if not takes_part(schema_editor.connection):
            return ""
        if not schema_editor.collect_sql:
            make_function(schema_editor.connection)
        return self.statement(model, schema_editor.connection)

    def remove_sql(  # type: ignore[override]
        self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor
    ) -> Statement | str:
        """Return what drops the triggers."""
        if not takes_part(schema_editor.connection):
            return ""
        parts = {"table": Table(model._meta.db_table, schema_editor.quote_name)}
        template = "; ".join(
            _DROP % {"name": identifier(self.name_for(event)), "table": "%(table)s"}
            for event in self.on
        )
        return Statement(template, **parts)

    # What the database is told ----------------------------------------------------------------

    def name_for(self, event: str) -> str:
        """Return the name of the trigger in the database for one event: each needs its own."""
        return f"{self.name}_{event}"

    def statement(
        self,
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
        for number, event in enumerate(self.on if events is None else events):
            arguments = self.arguments(model, event, connection)
            parts[f"arguments{number}"] = ", ".join(map(literal, arguments))
            templates.append(
                _CREATE
                % {
                    "replace": " OR REPLACE" if replace else "",
                    "name": identifier(self.name_for(event)),
                    "event": event.upper(),
                    "table": "%(table)s",
                    "rows": _ROWS[event],
                    "function": firing.FUNCTION,
                    "arguments": f"%(arguments{number})s",
                    "try": firing.TRY_FUNCTION,
                    "relation": "%(relation)s",
                    "quoted": literal(self.name_for(event)),
                }
            )
        return Statement("; ".join(templates), **parts)

    def arguments(
        self, model: type[Model], event: str, connection: BaseDatabaseWrapper
    ) -> Arguments:
        """Return what the trigger for one event is made with, or raise InvalidOption."""
        selected = Selection(self, model, event, connection).build()
        given = {
            "trigger": self.name,
            "model": model._meta.label_lower,
            "columns": self._constants(),
            "select": selected.columns,
            "notify": self.notify,
        }
        return Arguments(json.dumps(given, sort_keys=True, ensure_ascii=False), selected.sql)

    def declared_kwargs(self) -> dict[str, Any]:
        """Return the arguments that ``@job(kwargs=…)`` gives, without those that come from here."""
        definition = registry.find(self.job)
        if definition is None:
            return {}
        given = self.kwargs if self.kwargs is not None else definition.positional[:1]
        return {name: value for name, value in definition.kwargs.items() if name not in given}

    def declared_key(self) -> str | None:
        """Return the unique key that ``@job`` gives, unless a function makes it."""
        definition = registry.find(self.job)
        key = None if definition is None else definition.unique_key
        return key if isinstance(key, str) else None

    def _constants(self) -> dict[str, str]:
        """Return the columns that all jobs have in common, as the code declares them now."""
        given = {option: getattr(self, option) for option in _DECLARED}
        constants = {"name": self.job, "queue": self.queue or "default"}
        frame: Any = None
        if registry.find(self.job) is not None:
            frame = JobSpec(self.job, **given).settle()
        for column in _COLUMNS:
            value = getattr(frame, column) if frame else given.get(column)
            if value is not None:
                seconds = value.total_seconds() if isinstance(value, timedelta) else value
                constants[column] = f"{seconds:f} seconds" if column == "timeout" else str(value)
        return constants


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


def _check_name(name: object) -> str:
    name = options.check_name(name, "name")
    length = len(name.encode())
    # The braces are for abstract models; % means something to those who run the SQL.
    bare = name.replace("%(app_label)s", "").replace("%(class)s", "")
    if "%" in bare:
        raise InvalidOption(f"name: {name!r} holds a %.")
    if bare == name and length > MAX_NAME:
        raise InvalidOption(
            f"name: {name!r} has {length} bytes, and PostgreSQL has room for {MAX_NAME} and the "
            f"event."
        )
    return name


def _job_name(job: object) -> str:
    if isinstance(job, str):
        return options.check_name(job, "job")
    declared = getattr(job, "job", None)
    if isinstance(declared, JobSpec):
        return str(declared.func)
    if callable(job):
        return registry.import_path(job)
    raise InvalidOption(f"job must be a job function or its name, not {job!r}.")


def _word(option: str, value: object, known: tuple[str, ...]) -> str:
    if value not in known:
        raise InvalidOption(
            f"{option} must be {' or '.join(map(repr, known))}, not {value!r}."
            f"{did_you_mean(str(value), known)}"
        )
    return str(value)


def _words(option: str, value: object, known: tuple[str, ...]) -> tuple[str, ...]:
    words = (value,) if isinstance(value, str) else _names(option, value)
    for word in words:
        _word(option, word, known)
    return tuple(word for word in known if word in words)


def _names(option: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InvalidOption(f"{option} must be a list of names, not {value!r}.")
    names = tuple(value)
    if not names or not all(isinstance(name, str) for name in names):
        raise InvalidOption(f"{option} must hold names, and at least one, not {value!r}.")
    return names


def _check_kwargs(value: object) -> dict[str, str | Value]:
    kwargs = options.check_dict(value, "kwargs")
    for name, wanted in kwargs.items():
        if isinstance(wanted, str):
            Reference.read(wanted)
        elif not isinstance(wanted, Value):
            raise InvalidOption(
                f"kwargs: {name!r} gets the name of a field, or Value(…) for a constant, "
                f"not {wanted!r}."
            )
    return kwargs


def _condition(option: str, value: object) -> Q | None:
    if value is not None and not isinstance(value, Q):
        raise InvalidOption(f"{option} must be a Q, not {value!r}.")
    return value or None


def _check_due(value: object) -> timedelta | str:
    if isinstance(value, str):
        Reference.read(value)
        return value
    if not isinstance(value, timedelta):
        raise InvalidOption(
            f"scheduled_at must be a delay (a timedelta) or the name of a field, not {value!r}."
        )
    checked = options.check_moment(value, "scheduled_at")
    return checked  # type: ignore[return-value]
