"""Rights on the tables that a worker needs, and the user of its database lacks. Read only."""

from __future__ import annotations

from django.apps import apps

from django_jobs.engine.sql import fetch, table
from django_jobs.models import Job, Workflow

#: What a worker does to every table.
_NEEDED = ("SELECT", "INSERT", "UPDATE", "DELETE")
#: Models whose ids are asked for before there is a row.
_NUMBERED = (Job, Workflow)

_OF_TABLES = """
SELECT format('GRANT %%s ON %%I TO %%I;', string_agg(needed.name, ', ' ORDER BY needed.position),
    relation.name, current_user)
FROM unnest(%s::text[]) AS relation (name),
    unnest(%s::text[]) WITH ORDINALITY AS needed (name, position)
WHERE NOT has_table_privilege(to_regclass(quote_ident(relation.name)), needed.name)
GROUP BY relation.name ORDER BY relation.name
"""
_OF_SEQUENCES = """
SELECT format('GRANT USAGE ON SEQUENCE %%s TO %%I;', sequence, current_user)
FROM unnest(%s::text[]) AS relation (name), pg_get_serial_sequence(relation.name, 'id') AS sequence
WHERE NOT has_sequence_privilege(sequence, 'USAGE') ORDER BY sequence
"""


def missing_grants(*, using: str) -> list[str]:
    """Return the statements that give the connection's user what a worker needs and it has not."""
    models = apps.get_app_config("django_jobs").get_models()
    tables = [model._meta.db_table for model in models]
    lacking = fetch(using, _OF_TABLES, (tables, list(_NEEDED)))
    lacking += fetch(using, _OF_SEQUENCES, ([table(model) for model in _NUMBERED],))
    return [grant for (grant,) in lacking]
