"""manage.py jobs enqueue."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django_jobs import api, encoding, literals, registry
from django_jobs.definitions import Definition
from django_jobs.exceptions import InvalidOption, JobsError, did_you_mean
from django_jobs.specs import JobSpec
from django_jobs.terminal import moments
from django_jobs.terminal.base import NOTHING, Subcommand, refusal

_OPTIONS = (
    "queue", "priority", "unique_key", "concurrency_key", "max_attempts", "scheduled_at",
    "expires_after", "timeout",
)  # fmt: skip


class Enqueue(Subcommand):
    """Makes one job."""

    name = "enqueue"
    help = "Make a job of a function, checked as in Python."

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare the function, its arguments, the options and the common flags."""
        parser.add_argument("name", metavar="FUNCTION", help="The job function, by its full name.")
        parser.add_argument(
            "--kwarg",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="An argument, as text that is read as its parameter says. May be given several "
            "times.",
        )
        parser.add_argument(
            "--args", dest="positional", metavar="JSON", help="Positional arguments: a JSON list."
        )
        parser.add_argument(
            "--kwargs", dest="named", metavar="JSON", help="Arguments by name: a JSON object."
        )
        _add_options(parser)
        super().add_arguments(parser)

    def run(self, given: Mapping[str, Any]) -> int:
        """Enqueue, and say which job it is."""
        try:
            job = api.enqueue(_spec(given), using=self.using)
        # DoesNotExist of a model instance that the JSON names, and whatever its tags hold.
        except (JobsError, TypeError, ValueError, LookupError, ArithmeticError) as error:
            raise refusal(str(error)) from error
        told = {"id": job.pk, "state": job.state, "queue": job.queue, "name": job.name}
        text = f"{job.name} #{job.pk} was enqueued on the queue {job.queue!r}."
        if not job.created:
            text = f"Nothing was enqueued: {job.name} #{job.pk} holds the unique key."
        self.output.say(text, {**told, "created": job.created})
        return 0 if job.created else NOTHING


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--queue", metavar="NAME", help="Another queue than the function's own.")
    parser.add_argument("--priority", type=int, metavar="N", help="Higher runs first.")
    when = parser.add_mutually_exclusive_group()
    when.add_argument(
        "--at",
        dest="scheduled_at",
        type=moments.moment,
        metavar="TIME",
        help="Not before this time, such as 2026-11-22T08:00.",
    )
    when.add_argument(
        "--in",
        dest="scheduled_at",
        type=moments.duration,
        metavar="DURATION",
        help="Not before so long from now, such as 90s or 2h.",
    )
    parser.add_argument("--unique-key", metavar="KEY", help="One live job at a time has it.")
    parser.add_argument("--concurrency-key", metavar="KEY", help="Whose limits it shares.")
    parser.add_argument("--max-attempts", type=int, metavar="N", help="Runs in all.")
    parser.add_argument(
        "--expires-after",
        type=moments.duration,
        metavar="DURATION",
        help="Cancel it unless it begins so soon after its time.",
    )
    parser.add_argument(
        "--timeout", type=moments.duration, metavar="DURATION", help="How long a run may take."
    )


def _spec(given: Mapping[str, Any]) -> JobSpec:
    definition = registry.resolve(given["name"])
    # Not under the names of the flags: Django takes "args" out of what a command is given.
    positional, named = given["positional"], given["named"]
    args = [] if positional is None else _stored(positional, list, "--args", "a JSON list")
    kwargs = {} if named is None else _stored(named, dict, "--kwargs", "a JSON object")
    for text in given["kwarg"]:
        name, value = _named(definition, text)
        if name in kwargs:
            raise InvalidOption(f"The argument {name!r} was given twice.")
        kwargs[name] = value
    spec: JobSpec = getattr(definition.func, "job", None) or JobSpec(func=definition.name)
    said: dict[str, int | str | datetime | timedelta] = {
        name: given[name] for name in _OPTIONS if given[name] is not None
    }
    # As by a call of .enqueue(): the declared arguments are its defaults.
    taken = definition.positional[: len(args)]
    held = {name: value for name, value in definition.kwargs.items() if name not in taken}
    return spec.replace(said).calling(tuple(args), {**held, **kwargs})


def _named(definition: Definition, text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise InvalidOption(f"--kwarg takes NAME=VALUE, not {text!r}.")
    parameters = {one.name: one for one in definition.parameters}
    if name in parameters:
        return name, literals.value_of(definition.name, parameters[name], value)
    if definition.takes_any:
        return name, literals.guessed(value)
    raise InvalidOption(
        f"{definition.name} has no parameter {name!r}.{did_you_mean(name, parameters)} "
        f"It has: {', '.join(parameters) or 'none'}."
    )


def _stored(text: str, kind: type, flag: str, what: str) -> Any:
    try:
        json.loads(text)
    except ValueError as error:
        raise InvalidOption(f"{flag} takes {what}: {error}.") from error
    value = encoding.decode(text)
    if not isinstance(value, kind):
        raise InvalidOption(f"{flag} takes {what}, not {text}.")
    return value
