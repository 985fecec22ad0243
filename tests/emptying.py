"""Tables are emptied after a test that commits: those alone that hold rows.

Django's flush truncates every table, and makes content types, permissions and tasks anew: 70 ms
after each of a thousand tests, where 5 ms do.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connections
from django.test import TransactionTestCase

#: What a migration leaves there, and flush would make anew.
KEPT = ("django_content_type", "auth_permission", "django_jobs_task")

_flush = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]
#: By database, which row versions were in the tables that are kept after the last flush.
_left: dict[str, list[tuple[str, str]]] = {}


def install() -> None:
    """Let all tests empty tables so."""
    TransactionTestCase._fixture_teardown = _teardown  # type: ignore[attr-defined]


def _teardown(case: TransactionTestCase) -> None:
    aliases = case._databases_names(include_mirrors=False)  # type: ignore[attr-defined]
    as_before = [_left.get(alias) == _versions(alias) for alias in aliases]
    if case.available_apps is not None or case.serialized_rollback or not all(as_before):
        _flush(case)
        _left.update((alias, _versions(alias)) for alias in aliases)
        return
    for alias in aliases:
        _truncate(alias, _filled(alias))


def _filled(alias: str) -> list[str]:
    """Return the tables that hold rows and are not kept."""
    names = connections[alias].introspection.django_table_names(
        only_existing=True, include_views=False
    )
    wanted = sorted(set(names) - {*KEPT, "django_migrations"})
    asked = (f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM \"{name}\")" for name in wanted)
    with connections[alias].cursor() as cursor:
        cursor.execute(" UNION ALL ".join(asked))
        return [name for (name,) in cursor.fetchall()]


def _truncate(alias: str, names: Sequence[str]) -> None:
    if names:
        with connections[alias].cursor() as cursor:
            cursor.execute("TRUNCATE {} CASCADE".format(", ".join(f'"{name}"' for name in names)))


def _versions(alias: str) -> list[tuple[str, str]]:
    asked = (f"SELECT xmin::text, ctid::text FROM {name}" for name in KEPT)
    with connections[alias].cursor() as cursor:
        cursor.execute(" UNION ALL ".join(asked))
        return sorted(cursor.fetchall())
