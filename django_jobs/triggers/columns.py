"""Columns as JSON, in SQL: what ``encoding.decode`` makes of it is what the field holds."""

from __future__ import annotations

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from django_jobs.exceptions import InvalidOption
from django_jobs.triggers.quoting import literal

#: Fields whose values are JSON's own.
_PLAIN = frozenset(
    {
        "AutoField",
        "BigAutoField",
        "BigIntegerField",
        "BooleanField",
        "CharField",
        "FileField",
        "FilePathField",
        "GenericIPAddressField",
        "IPAddressField",
        "IntegerField",
        "PositiveBigIntegerField",
        "PositiveIntegerField",
        "PositiveSmallIntegerField",
        "SlugField",
        "SmallAutoField",
        "SmallIntegerField",
        "TextField",
    }
)

#: Fields whose values have a tag, and what stands behind it.
_TAGGED = {
    "DateField": ("$date", "{0}::text"),
    "DecimalField": ("$decimal", "{0}::text"),
    # A month of 30 days and a year of 365, as the driver reads them.
    "DurationField": (
        "$timedelta",
        "(extract(year FROM {0}) * 365 + extract(month FROM {0}) * 30 + extract(day FROM {0}))"
        "::bigint || ':0:' || (extract(hour FROM {0}) * 3600000000"
        " + extract(minute FROM {0}) * 60000000 + extract(microseconds FROM {0}))::bigint",
    ),
    # jsonb would make 1.0 an integer, and NaN a text.
    "FloatField": ("$float", "{0}::text"),
    "TimeField": ("$time", "{0}::text"),
    "UUIDField": ("$uuid", "{0}::text"),
}
#: A dict whose keys begin with $ would be taken for one of ours.
_JSON = (
    "CASE WHEN {0}::text LIKE '%\"$%' "
    "THEN jsonb_build_object('$json', {0}::text) ELSE {0}::jsonb END"
)


def as_json(field: Any, sql: str, connection: BaseDatabaseWrapper) -> str:
    """Return SQL for the JSON of a column's value, or raise InvalidOption."""
    field = stored(field)
    kind = field.get_internal_type()
    if kind in _PLAIN:
        return f"to_jsonb({sql})"
    if kind == "JSONField":
        return _JSON.format(sql)
    if kind == "DateTimeField":
        return _tagged("$datetime", _moment(sql, connection), sql)
    if kind in _TAGGED:
        tag, content = _TAGGED[kind]
        return _tagged(tag, content.format(sql), sql)
    if kind == "ArrayField":
        return _array(field, sql, connection)
    raise InvalidOption(
        f"{field} is a {kind}, whose values cannot be arguments of a job. Pass the primary key, "
        f"and let the job read the rest."
    )


def stored(field: Any) -> Any:
    """Return the field that says what is in the column: behind keys and what is generated."""
    while True:
        if getattr(field, "remote_field", None) is not None:
            field = field.target_field
        elif getattr(field, "generated", False):
            if not field.db_persist:
                raise InvalidOption(f"{field} is computed when it is read: no trigger sees it.")
            field = field.output_field
        else:
            return field


def _tagged(tag: str, content: str, sql: str) -> str:
    return (
        f"CASE WHEN {sql} IS NOT NULL THEN jsonb_build_object({literal(tag)}, {content}) "
        f"ELSE 'null'::jsonb END"
    )


def _moment(sql: str, connection: BaseDatabaseWrapper) -> str:
    if connection.timezone is not None:
        return sql  # with its offset: JSON has times in ISO 8601
    return f"{sql} AT TIME ZONE {literal(connection.timezone_name)}"  # USE_TZ is off: naive


def _array(field: Any, sql: str, connection: BaseDatabaseWrapper) -> str:
    base, depth = field.base_field, 1
    while base.get_internal_type() == "ArrayField":
        base, depth = base.base_field, depth + 1
    if base.get_internal_type() in _PLAIN:
        return f"to_jsonb({sql})"
    if depth > 1:
        raise InvalidOption(
            f"{field} is an array of arrays of {base.get_internal_type()}: pass the primary key, "
            f"and let the job read the rest."
        )
    item = as_json(base, "item", connection)
    return (
        f"CASE WHEN {sql} IS NOT NULL THEN (SELECT coalesce(jsonb_agg({item} ORDER BY place), "  # noqa: S608 - names of columns
        f"'[]') FROM unnest({sql}) WITH ORDINALITY AS items (item, place)) "
        f"ELSE 'null'::jsonb END"
    )
