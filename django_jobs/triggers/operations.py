"""Triggers on models of other apps, made and dropped by a migration of yours."""

from __future__ import annotations

from typing import Any

from django.db import router
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from django_jobs.exceptions import InvalidOption
from django_jobs.triggers.declaration import JobTrigger


class _TriggerOperation(Operation):
    reduces_to_sql = True
    reversible = True

    def __init__(self, model: str, trigger: JobTrigger) -> None:
        if str(model).count(".") != 1:
            raise InvalidOption(f"model must be 'app_label.Model', not {model!r}.")
        self.model, self.trigger = model, trigger

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Change nothing: the model is another app's, whose migrations know of no trigger."""

    def _create(self, schema_editor: BaseDatabaseSchemaEditor, state: ProjectState) -> None:
        model = self._model(schema_editor, state)
        if model is not None:
            schema_editor.add_constraint(model, self.trigger)

    def _drop(self, schema_editor: BaseDatabaseSchemaEditor, state: ProjectState) -> None:
        model = self._model(schema_editor, state)
        if model is not None:
            schema_editor.remove_constraint(model, self.trigger)

    def _model(self, schema_editor: BaseDatabaseSchemaEditor, state: ProjectState) -> Any:
        try:
            model = state.apps.get_model(self.model)
        except LookupError:
            app_label = self.model.partition(".")[0]
            raise InvalidOption(
                f"There is no model {self.model!r} at this point: put a migration of "
                f"{app_label!r} into the dependencies of this one."
            ) from None
        # Not Operation.allow_migrate_model(): tables that Django does not manage may have triggers.
        allowed = router.allow_migrate_model(schema_editor.connection.alias, model)
        return model if allowed and not model._meta.proxy else None


class CreateJobTrigger(_TriggerOperation):
    """Make a trigger on a model of another app: ``CreateJobTrigger("auth.User", JobTrigger(…))``.

    The migration has to depend on one of that app. Raise InvalidOption where it does not, and
    where the model has no such field.
    """

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Make it."""
        self._create(schema_editor, to_state)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Drop it."""
        self._drop(schema_editor, to_state)

    def describe(self) -> str:
        """Return what --plan says."""
        return f"Create job trigger {self.trigger.name} on {self.model}"

    @property
    def migration_name_fragment(self) -> str:
        """Return what a migration of this alone is named after."""
        return self.trigger.name.lower()


class DropJobTrigger(_TriggerOperation):
    """Drop a trigger that CreateJobTrigger has made; give it the same trigger."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Drop it."""
        self._drop(schema_editor, to_state)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Make it again."""
        self._create(schema_editor, to_state)

    def describe(self) -> str:
        """Return what --plan says."""
        return f"Drop job trigger {self.trigger.name} from {self.model}"

    @property
    def migration_name_fragment(self) -> str:
        """Return what a migration of this alone is named after."""
        return f"drop_{self.trigger.name.lower()}"
