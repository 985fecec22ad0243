"""The catalogue of job functions in the database, brought up to date by what this process knows."""

from __future__ import annotations

import logging
from typing import NamedTuple

from django.db import DatabaseError

from django_jobs import engine, registry
from django_jobs.declarations import declaration
from django_jobs.definitions import Definition
from django_jobs.specs import JobSpec

logger = logging.getLogger("django_jobs")


class Synced(NamedTuple):
    """What was changed in the catalogue."""

    stored: int = 0
    withdrawn: int = 0


def sync(*, using: str, authoritative: bool = False) -> Synced:
    """Write the job functions of this process to the catalogue. One statement if nothing changed.

    ``authoritative`` is for a deploy: what this code does not declare is withdrawn, and what older
    code had declared may come back. Others, such as a worker at its start, only add, and replace
    what nobody has replaced before.
    """
    known = engine.known_tasks(using=using)
    if authoritative:
        for name in known:
            registry.find(name)  # it may be in a module that nobody has imported yet
    declared = {one.name: declaration(one) for one in registered()}
    changed = [
        declared[name]
        for name in sorted(declared)
        if known.get(name) != (declared[name]["hash"], True)
    ]
    gone = [name for name, (_, current) in known.items() if current and name not in declared]
    if not authoritative:
        gone = []
    if not changed and not gone:
        return Synced()
    return Synced(
        *engine.store_tasks(changed, withdrawn=gone, authoritative=authoritative, using=using)
    )


def sync_at_start(*, using: str) -> None:
    """Write what a worker knows to the catalogue. Never raise: jobs run without it."""
    try:
        synced = sync(using=using)
    except DatabaseError:
        logger.warning("tasks.not_synced database=%s", using, exc_info=True)
        return
    if synced.stored:
        logger.info("tasks.synced count=%s", synced.stored)


def registered() -> list[Definition]:
    """Return the definitions of all functions that are declared by ``@job``."""
    found = (registry.resolve(name) for name in registry.names())
    return [one for one in found if isinstance(getattr(one.func, "job", None), JobSpec)]


def clashes() -> dict[tuple[str, str], list[Definition]]:
    """Return the job functions that share their type key and task key with others."""
    by_keys: dict[tuple[str, str], list[Definition]] = {}
    for one in registered():
        by_keys.setdefault((one.type_key, one.task_key), []).append(one)
    return {keys: those for keys, those in by_keys.items() if len(those) > 1}
