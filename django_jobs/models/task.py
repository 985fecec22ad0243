"""A task: what is said about one job function, for those who cannot import it."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Task(models.Model):
    """A job function as its declaration tells of it. Jobs do not need it; SQL and forms do."""

    name = models.CharField(_("name"), max_length=255, unique=True)
    #: What SQL may call it by: not unique, since two modules may have one name.
    type_key = models.CharField(_("type key"), max_length=255)
    task_key = models.CharField(_("task key"), max_length=255)
    help = models.TextField(_("what it does"), db_default="", blank=True)
    #: One object for each: name, type, required, help, and where there are any: default, choices
    #: with labels and write_all, positional_only.
    parameters = models.JSONField(_("parameters"), db_default=models.Value([], models.JSONField()))
    #: Whether it takes keyword arguments of any name.
    takes_any = models.BooleanField(_("takes any arguments"), db_default=False)
    #: The arguments that the declaration gives, as they are stored with a job.
    defaults = models.JSONField(
        _("default arguments"), db_default=models.Value({}, models.JSONField())
    )
    queue = models.CharField(_("queue"), max_length=255, db_default="default")
    priority = models.IntegerField(_("priority"), db_default=0)
    max_attempts = models.SmallIntegerField(_("maximum attempts"), db_default=1)
    #: Null for the setting, 0 for no limit.
    timeout = models.DurationField(_("timeout"), null=True)
    memory_limit = models.BigIntegerField(_("memory limit in bytes"), null=True)
    units = models.IntegerField(_("process units"), db_default=1)
    #: The lane of its jobs; empty where nothing bounds them.
    lane = models.CharField(_("lane"), max_length=255, db_default="")
    #: Where it is plain text.
    concurrency_key = models.CharField(_("concurrency key"), max_length=255, null=True)  # noqa: DJ001 - null is no key
    #: How long after its time a job may begin; null for as long as it takes.
    expires_after = models.DurationField(_("expires after"), null=True)
    #: Where it is plain text.
    unique_key = models.CharField(_("unique key"), max_length=255, null=True)  # noqa: DJ001 - null is no key
    #: Whether only Python can say what the key is.
    computes_unique_key = models.BooleanField(_("computes its unique key"), db_default=False)
    #: Of all of the above.
    hash = models.CharField(_("hash"), max_length=64)
    #: Hashes of what it was before, newest last: whoever still declares one of these is older code.
    superseded = models.JSONField(_("superseded"), db_default=models.Value([], models.JSONField()))
    #: False where the code declares it no more.
    is_current = models.BooleanField(_("current"), db_default=True)
    synced_at = models.DateTimeField(_("last change"), db_default=Now())

    class Meta:
        verbose_name = _("task")
        verbose_name_plural = _("tasks")

    def __str__(self) -> str:
        return self.name
