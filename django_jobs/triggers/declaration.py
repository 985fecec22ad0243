"""JobTrigger: a declaration that a migration turns into triggers of the database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement
from django.db.models import Model, Q, Value
from django.db.models.constraints import BaseConstraint

from django_jobs import options
from django_jobs.durations import Duration
from django_jobs.exceptions import InvalidOption
from django_jobs.fields import CHECKS
from django_jobs.triggers import declared, given, making
from django_jobs.triggers.references import Reference, template


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
        on: given.Event | Iterable[given.Event],
        for_each: given.ForEach = "row",
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
        super().__init__(name=given.check_name(name))
        self.job = given.job_name(job)
        self.on = given.words("on", on, given.EVENTS)
        self.for_each = given.word("for_each", for_each, given.FOR_EACH)
        self.kwargs = None if kwargs is None else given.check_kwargs(kwargs)
        self.when = given.condition("when", when)
        self.when_old = given.condition("when_old", when_old)
        self.update_of = () if update_of is None else given.names("update_of", update_of)
        self.unique_key = unique_key
        if unique_key is not None:
            list(template(options.check_name(unique_key, "unique_key")))
        self.queue = None if queue is None else CHECKS["queue"](queue)
        self.priority = None if priority is None else CHECKS["priority"](priority)
        self.max_attempts = None if max_attempts is None else CHECKS["max_attempts"](max_attempts)
        self.timeout = None if timeout is None else CHECKS["timeout"](timeout)
        self.scheduled_at = None if scheduled_at is None else given.check_due(scheduled_at)
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
        said = {
            "name": self.name,
            "job": self.job,
            "on": list(self.on) if len(self.on) > 1 else self.on[0],
            "for_each": self.for_each,
            "kwargs": self.kwargs,
            "when": self.when,
            "when_old": self.when_old,
            "update_of": list(self.update_of),
            "unique_key": self.unique_key,
            **{option: getattr(self, option) for option in declared.OPTIONS},
            "scheduled_at": self.scheduled_at,
            "notify": self.notify,
        }
        usual = {"for_each": "row", "update_of": [], "notify": True}
        kept = {
            name: value
            for name, value in said.items()
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
        said = ", ".join(f"{name}={value!r}" for name, value in self.deconstruct()[2].items())
        return f"<JobTrigger: {said}>"

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
        if not making.takes_part(schema_editor.connection):
            return ""
        if not schema_editor.collect_sql:
            making.make_function(schema_editor.connection)
        return making.create_statement(self, model, schema_editor.connection)

    def remove_sql(  # type: ignore[override]
        self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor
    ) -> Statement | str:
        """Return what drops the triggers."""
        if not making.takes_part(schema_editor.connection):
            return ""
        return making.drop_statement(self, model, schema_editor.connection)

    def name_for(self, event: str) -> str:
        """Return the name of the trigger in the database for one event: each needs its own."""
        return f"{self.name}_{event}"
