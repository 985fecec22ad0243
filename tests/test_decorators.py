from __future__ import annotations

import inspect
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from django_jobs import JobSpec, Priority, job, registry
from django_jobs.decorators import _DECLARED
from django_jobs.definitions import Definition
from django_jobs.exceptions import (
    DuplicateJobName,
    InvalidOption,
    UnknownOption,
    UnsupportedOption,
)
from django_jobs.jobfunctions import Declared, Defaults
from django_jobs.models import Job
from tests import samples

pytestmark = pytest.mark.usefixtures("own_registry")


def plain(a: int, b: str = "x") -> str:
    """Do something plain."""
    return f"{a}{b}"


async def patient() -> None:
    """Do something asynchronous."""


def spec_of(func: Any) -> JobSpec:
    """Return what the decorator put on a function."""
    spec: JobSpec = func.job
    return spec


def definition(**options: Any) -> Definition:
    job(**options)(plain)
    return registry.resolve(options.get("name", f"{__name__}.plain"))


class TestTheFunction:
    def test_it_stays_the_same_object_and_runs_here_and_now(self):
        decorated = job(plain)

        assert decorated is plain
        assert decorated(1, b="y") == "1y"
        assert inspect.getdoc(decorated) == "Do something plain."

    def test_the_decorator_may_be_called_without_options(self):
        assert job()(plain) is plain

    def test_its_spec_says_what_was_declared(self):
        job(queue="mail", priority=Priority.HIGH, max_attempts=5, timeout=60)(plain)

        assert spec_of(plain) == JobSpec(
            func=f"{__name__}.plain",
            kwargs={},
            queue="mail",
            priority=10,
            max_attempts=5,
            timeout=60,
        )

    def test_a_name_of_its_own_outlives_a_move(self):
        assert definition(name="plain-old").func is plain
        assert spec_of(plain).func == "plain-old"

    @pytest.mark.django_db
    def test_it_enqueues_itself_with_the_arguments_of_the_function(self):
        row = samples.send.enqueue(3, note="x")

        stored = Job.objects.get(pk=row.pk)
        assert (stored.name, stored.queue, stored.priority) == ("tests.samples.send", "mail", 5)
        assert (stored.args, stored.kwargs) == ([3], {"note": "x"})
        assert stored.timeout == timedelta(seconds=60)

    @pytest.mark.django_db(transaction=True)
    def test_it_enqueues_itself_from_a_coroutine(self):
        row = async_to_sync(samples.send.aenqueue)(order_id=3)

        assert Job.objects.get(pk=row.pk).kwargs == {"order_id": 3}

    @pytest.mark.django_db
    def test_declared_arguments_hold_unless_others_are_given(self):
        # A type checker wants all arguments; some of them are declared.
        enqueue: Any = samples.with_defaults.enqueue

        rows = [
            enqueue(),
            enqueue(colour="blue"),
            enqueue(20),
        ]

        assert [(row.args, row.kwargs) for row in rows] == [
            ([], {"size": 10, "colour": "red"}),
            ([], {"size": 10, "colour": "blue"}),
            ([20], {"colour": "red"}),
        ]

    def test_wrong_arguments_are_refused_before_anything_is_written(self):
        with pytest.raises(TypeError, match="order_id"):
            samples.send.enqueue()  # type: ignore[call-arg]


class TestOptions:
    def test_retries_are_attempts_less_one(self):
        assert definition(retries=4).max_attempts == 5

    def test_both_at_once_are_refused(self):
        with pytest.raises(InvalidOption, match="give one of them, not both"):
            job(retries=1, max_attempts=2)

    def test_several_of_a_key_in_strict_order_are_refused(self):
        with pytest.raises(InvalidOption, match="no max_running_per_key"):
            job(ordered=True, concurrency_key="a", max_running_per_key=2)(plain)

    def test_all_options_reach_the_definition(self):
        made = definition(
            backoff=30,
            retry_on=ValueError,
            give_up_on=(KeyError, TypeError),
            retention=timedelta(days=2),
            kwargs={"a": 1},
            unique_key="k",
            atomic=True,
            units=3,
            max_running=5,
            max_running_per_host=2,
        )

        assert (made.backoff, made.retention) == (30, 172800)
        assert (made.retry_on, made.give_up_on) == ((ValueError,), (KeyError, TypeError))
        assert (made.kwargs, made.unique_key) == ({"a": 1}, "k")
        assert (made.atomic, made.takes_context) == (True, False)
        assert (made.units, made.max_running, made.max_running_per_host) == (3, 5, 2)

    @pytest.mark.parametrize(
        ("wrong", "nearest"),
        [("que", "queue"), ("retrys", "retries"), ("max_attempt", "max_attempts")],
    )
    def test_an_unknown_option_names_the_nearest_and_lists_all(self, wrong, nearest):
        with pytest.raises(UnknownOption, match=f"'{wrong}'. Did you mean '{nearest}'") as caught:
            job(**{wrong: 1})  # type: ignore[call-overload]

        assert "give_up_on" in str(caught.value)

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("queue", ""),
            ("priority", "high"),
            ("max_attempts", 0),
            ("retries", -1),
            ("backoff", "soon"),
            ("retry_on", "ValueError"),
            ("give_up_on", [1]),
            ("timeout", -5),
            ("unique_key", 5),
            ("kwargs", [1]),
            ("name", ""),
            ("name", "x" * 256),
            ("retention", -1),
            ("atomic", 1),
            ("atomic", "yes"),
            ("takes_context", 0),
            ("units", -1),
            ("units", 1.5),
            ("units", True),
            ("max_running", 0),
            ("max_running", 2**31),
            ("max_running_per_host", "2"),
            ("memory_limit", 0),
        ],
    )
    def test_a_wrong_value_is_refused_by_its_name(self, option, value):
        with pytest.raises(InvalidOption, match=f"^{option} "):
            job(**{option: value})


class TestDefaults:
    """What several functions have in common is said once."""

    def test_they_hold_for_each_function_that_says_nothing_else(self):
        mail_job = job.with_defaults(queue="mail", retries=2, timeout=timedelta(minutes=1))

        mail_job(plain)
        mail_job(max_running=1)(patient)

        first, second = (registry.resolve(f"{__name__}.{name}") for name in ("plain", "patient"))
        assert {(one.queue, one.max_attempts, one.timeout) for one in (first, second)} == {
            ("mail", 3, 60.0)
        }
        assert (first.max_running, second.max_running) == (None, 1)

    def test_the_plain_decorator_knows_nothing_of_them(self):
        job.with_defaults(queue="mail")

        assert definition().queue == "default"

    @pytest.mark.parametrize(
        ("option", "default", "given", "attribute"),
        [
            ("priority", 5, 0, "priority"),
            ("retries", 5, 0, "max_attempts"),
            ("backoff", 30, 0, "backoff"),
            ("retry_on", ValueError, (), "retry_on"),
            ("give_up_on", ValueError, (), "give_up_on"),
            ("timeout", 60, 0, "timeout"),
            ("kwargs", {"b": "y"}, {}, "kwargs"),
            ("retention", 60, 0, "retention"),
            ("atomic", True, False, "atomic"),
            ("takes_context", True, False, "takes_context"),
            ("units", 3, 0, "units"),
        ],
    )
    def test_what_is_said_at_the_function_holds_also_where_it_is_false(
        self, option, default, given, attribute
    ):
        decorate = job.with_defaults(**{option: default})

        decorate(**{option: given})(plain)

        made = getattr(registry.resolve(f"{__name__}.plain"), attribute)
        expected = 1 if option == "retries" else given
        assert (made, type(made) is bool) == (expected, type(expected) is bool)

    def test_none_takes_a_default_back(self):
        decorate = job.with_defaults(max_running=1, unique_key="k", retries=3, queue="mail")

        decorate(max_running=None, unique_key=None, max_attempts=None)(plain)

        made = registry.resolve(f"{__name__}.plain")
        assert (made.max_running, made.unique_key, made.max_attempts) == (None, None, 1)
        assert made.queue == "mail"

    @pytest.mark.parametrize(
        ("default", "given", "runs"),
        [
            ({"retries": 2}, {"max_attempts": 7}, 7),
            ({"max_attempts": 7}, {"retries": 2}, 3),
        ],
    )
    def test_either_word_for_the_number_of_runs_goes_over_the_other(self, default, given, runs):
        job.with_defaults(**default)(**given)(plain)

        assert registry.resolve(f"{__name__}.plain").max_attempts == runs

    def test_they_can_be_made_from_others(self):
        slow_mail_job = job.with_defaults(queue="mail", timeout=60).with_defaults(timeout=3600)

        slow_mail_job(plain)

        made = registry.resolve(f"{__name__}.plain")
        assert (made.queue, made.timeout) == ("mail", 3600.0)
        assert repr(slow_mail_job) == "<@job {'queue': 'mail', 'timeout': 3600.0}>"

    def test_a_mistake_is_found_where_it_is_made(self):
        with pytest.raises(UnknownOption, match="Did you mean 'queue'"):
            job.with_defaults(quue="mail")  # type: ignore[call-arg]
        with pytest.raises(InvalidOption, match="timeout must be"):
            job.with_defaults(timeout=-1)
        with pytest.raises(InvalidOption, match="give one of them, not both"):
            job.with_defaults(retries=1, max_attempts=2)

    def test_a_name_cannot_be_shared(self):
        with pytest.raises(InvalidOption, match="name is for one function"):
            job.with_defaults(name="plain")  # type: ignore[call-arg]

    def test_every_option_that_is_checked_has_a_type(self):
        assert Declared.__optional_keys__ == set(_DECLARED)
        assert Declared.__optional_keys__ - Defaults.__optional_keys__ == {"name", "aliases"}


class TestExecutors:
    def test_functions_run_in_threads_and_coroutines_in_asyncio(self):
        job(patient)

        assert definition().executor.name == "thread"
        assert registry.resolve(f"{__name__}.patient").executor.name == "asyncio"

    def test_an_executor_that_does_not_exist_is_refused(self):
        with pytest.raises(InvalidOption, match=r"no executor 'thred'. Did you mean 'thread'"):
            job(executor="thred")(plain)  # type: ignore[call-overload]

    @pytest.mark.parametrize(("func", "executor"), [(plain, "asyncio"), (patient, "thread")])
    def test_an_executor_that_cannot_run_the_function_is_refused(self, func, executor):
        with pytest.raises(UnsupportedOption, match="leave executor out"):
            job(executor=executor)(func)

    def test_a_limit_that_cannot_be_enforced_is_refused(self):
        with pytest.raises(UnsupportedOption, match="cannot limit memory"):
            job(memory_limit=10**9)(plain)


class TestContext:
    def test_the_first_parameter_gets_it_where_the_option_says_so(self):
        job(takes_context=True)(plain)

        made = registry.resolve(f"{__name__}.plain")
        assert made.context is not None
        assert (made.context.name, made.context_place) == ("a", 0)
        assert list(made.signature.parameters) == ["b"]

    def test_a_function_without_a_parameter_for_it_is_refused(self):
        with pytest.raises(InvalidOption, match="has no parameter for it"):
            job(takes_context=True)(patient)

    @pytest.mark.django_db
    def test_it_is_no_argument_of_the_job(self):
        spec = JobSpec("thread.mind_the_place")

        assert spec.with_args("a").prepare().args == '["a"]'
        assert spec.with_kwargs(first="a", second="b").prepare().args is None
        with pytest.raises(TypeError, match="unexpected keyword argument 'context'"):
            spec.with_kwargs(first="a", context=1).prepare()
        with pytest.raises(TypeError, match="too many positional"):
            spec.with_args("a", "b", "c").prepare()


class TestWhatCannotBeAJob:
    def test_a_lambda(self):
        with pytest.raises(InvalidOption, match="a worker must be able to import it"):
            job(lambda: None)

    def test_a_nested_function(self):
        def inner():
            """Be out of reach."""

        with pytest.raises(InvalidOption, match="nested function"):
            job(inner)

    def test_a_method(self):
        with pytest.raises(InvalidOption, match="method"):

            class Shelf:
                @job
                def sort(self):
                    """Sort it."""

    @pytest.mark.parametrize("thing", [5, "plain", print])
    def test_what_is_no_function(self, thing):
        with pytest.raises(InvalidOption, match="cannot be a job"):
            job(thing)

    def test_a_second_function_of_the_same_name(self):
        with pytest.raises(DuplicateJobName, match=r"tests.samples.send"):
            job(name="tests.samples.send")(plain)
