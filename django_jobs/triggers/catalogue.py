"""The job triggers that are in a database, beside those that are declared."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from django.apps import apps as real_apps
from django.core.exceptions import FieldError, ValidationError
from django.db import connections, router, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Model

from django_jobs import firing, registry
from django_jobs.engine.sql import fetch
from django_jobs.exceptions import JobsError
from django_jobs.triggers.declaration import JobTrigger
from django_jobs.triggers.making import arguments, create_statement, takes_part
from django_jobs.triggers.operations import CreateJobTrigger, DropJobTrigger
from django_jobs.triggers.quoting import identifier

_FOUND = f"""
SELECT tgrelid::bigint, tgrelid::regclass::text, tgname, tgtype, tgenabled <> 'D', tgargs
FROM pg_trigger WHERE tgfoid = to_regprocedure('{firing.FUNCTION}()') AND NOT tgisinternal
ORDER BY 2, 3
"""  # noqa: S608 - the name of a function
_TABLES = "SELECT name, to_regclass(name)::oid::bigint FROM unnest(%s::text[]) AS names (name)"
#: The bits of pg_trigger.tgtype.
_EVENTS = {4: "insert", 8: "delete", 16: "update"}

Key = tuple[int, str]


class Found(NamedTuple):
    """A trigger in the database."""

    relation: int
    table: str
    name: str
    event: str
    enabled: bool
    #: What it hands to the function.
    given: Mapping[str, Any]
    select: str

    @property
    def key(self) -> Key:
        """Return what tells it from all others."""
        return self.relation, self.name


class Declared(NamedTuple):
    """A trigger that a model or a migration declares, for one of its events."""

    trigger: JobTrigger
    model: type[Model]
    event: str
    #: Where: the label of a model, or of a migration.
    source: str


class Entry(NamedTuple):
    """What is there and what should be: at least one of them."""

    found: Found | None
    declared: Declared | None
    #: ok, outdated, invalid, missing or orphan.
    status: str
    #: Why it is invalid.
    problem: str = ""

    @property
    def name(self) -> str:
        """Return the name that it was declared with."""
        if self.declared:
            return self.declared.trigger.name
        return str(self.found.given.get("trigger", self.found.name)) if self.found else ""

    def as_dict(self) -> dict[str, Any]:
        """Return it in plain values."""
        found, declared = self.found, self.declared
        columns = found.given.get("columns", {}) if found else {}
        table = found.table if found else declared and declared.model._meta.db_table
        return {
            "name": self.name,
            "table": table,
            "event": found.event if found else declared and declared.event,
            "job": declared.trigger.job if declared else columns.get("name"),
            "for_each": declared and declared.trigger.for_each,
            "declared_by": declared and declared.source,
            "enabled": found and found.enabled,
            "status": self.status,
            "problem": self.problem,
        }


def entries(using: str) -> list[Entry]:
    """Return all triggers, those that are there and those that are missing."""
    if not takes_part(connections[using]):
        return []
    there = found(using)
    declared = {**_of_models(real_apps, using), **_of_migrations(real_apps, using)}
    by_key = _by_key(declared.values(), using)
    matched = [_matched(one, by_key.pop(one.key, None), using) for one in there]
    # What has no table yet is missing as well.
    known = {(*one[:2], one.event) for one in (e.declared for e in matched) if one}
    missing = [
        Entry(None, one, "missing")
        for one in declared.values()
        if (*one[:2], one.event) not in known
    ]
    return matched + missing


def found(using: str) -> list[Found]:
    """Return the triggers that are in the database."""
    return [_read(row) for row in fetch(using, _FOUND)]


def set_enabled(wanted: Iterable[Found], enabled: bool, *, using: str) -> None:
    """Let triggers fire, or not, until somebody says otherwise."""
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        for one in wanted:
            verb = "ENABLE" if enabled else "DISABLE"
            cursor.execute(f"ALTER TABLE {one.table} {verb} TRIGGER {identifier(one.name)}")


def drop(unwanted: Iterable[Found], *, using: str) -> None:
    """Drop triggers."""
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        for one in unwanted:
            cursor.execute(f"DROP TRIGGER IF EXISTS {identifier(one.name)} ON {one.table}")


def make(wanted: Iterable[Entry], *, using: str) -> None:
    """Make declared triggers, or make them anew; those that were disabled stay so."""
    connection = connections[using]
    for there, declared in [(one.found, one.declared) for one in wanted if one.declared]:
        trigger, model, event, _ = declared
        with transaction.atomic(using=using), connection.cursor() as cursor:
            cursor.execute(
                str(create_statement(trigger, model, connection, (event,), replace=True))
            )
            if there is not None and not there.enabled:
                set_enabled([there], False, using=using)


def refresh(apps: Any, using: str) -> list[Entry]:
    """Make the triggers anew that are not what their declarations make now, and return them.

    Columns get other names and types, job functions other options: the text of a trigger does not
    follow by itself. ``apps`` are the models as the migrations that are applied have them.
    """
    if not takes_part(connections[using]) or not (there := found(using)):
        return []
    by_key = _by_key(_of_models(apps, using).values(), using)
    if any(one.key not in by_key for one in there):
        by_key |= _by_key(_of_migrations(apps, using).values(), using)
    old = [
        entry
        for entry in (_matched(one, by_key.get(one.key), using) for one in there)
        if entry.status == "outdated"
    ]
    make(old, using=using)
    return old


def _read(row: tuple[Any, ...]) -> Found:
    relation, table, name, kind, enabled, handed = row
    texts = bytes(handed).decode().split("\0")
    event = next(event for bit, event in _EVENTS.items() if kind & bit)
    return Found(relation, table, name, event, enabled, json.loads(texts[0]), texts[1])


def _matched(one: Found, declared: Declared | None, using: str) -> Entry:
    if declared is None:
        return Entry(one, None, "orphan")
    if registry.find(declared.trigger.job) is None:
        return Entry(one, declared, "invalid", f"there is no job {declared.trigger.job}")
    try:
        said = arguments(declared.trigger, declared.model, one.event, connections[using])
    except (JobsError, FieldError, ValidationError, TypeError, ValueError) as error:
        return Entry(one, declared, "invalid", str(error))
    same = json.loads(said.given) == one.given and said.select == one.select
    return Entry(one, declared, "ok" if same else "outdated")


def _of_models(apps: Any, using: str) -> dict[tuple[str, str], Declared]:
    return {
        (model._meta.label, trigger.name_for(event)): Declared(
            trigger, model, event, model._meta.label
        )
        for model in apps.get_models(include_auto_created=True)
        if model._meta.can_migrate(connections[using]) and router.allow_migrate_model(using, model)
        for trigger in model._meta.constraints
        if isinstance(trigger, JobTrigger)
        for event in trigger.on
    }


def _of_migrations(apps: Any, using: str) -> dict[tuple[str, str], Declared]:
    declared: dict[tuple[str, str], Declared] = {}
    for source, operation in _operations(using):
        try:
            model = apps.get_model(operation.model)
        except LookupError:
            continue
        trigger = operation.trigger
        for event in trigger.on:
            key = (model._meta.label, trigger.name_for(event))
            declared.pop(key, None)
            if isinstance(operation, CreateJobTrigger):
                declared[key] = Declared(trigger, model, event, source)
    return declared


def _operations(using: str) -> Iterator[tuple[str, CreateJobTrigger | DropJobTrigger]]:
    executor = MigrationExecutor(connections[using])
    applied = executor.loader.applied_migrations
    leaves = executor.loader.graph.leaf_nodes()
    for migration, _ in executor.migration_plan(leaves, clean_start=True):
        if (migration.app_label, migration.name) not in applied:
            continue
        for operation in migration.operations:
            if isinstance(operation, CreateJobTrigger | DropJobTrigger):
                yield f"{migration.app_label}.{migration.name}", operation


def _by_key(declared: Iterable[Declared], using: str) -> dict[Key, Declared]:
    quote = connections[using].ops.quote_name
    by_table: dict[str, list[Declared]] = {}
    for one in declared:
        by_table.setdefault(quote(one.model._meta.db_table), []).append(one)
    relations = dict(fetch(using, _TABLES, (list(by_table),)))
    return {
        (relations[table], one.trigger.name_for(one.event)): one
        for table, ones in by_table.items()
        if relations[table] is not None
        for one in ones
    }
