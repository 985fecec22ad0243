from __future__ import annotations

import copy
import dataclasses
import pickle
from datetime import UTC, datetime, timedelta

import pytest

from django_jobs import JobSpec
from django_jobs.exceptions import (
    InvalidOption,
    NotStorable,
    UnknownJob,
    UnknownOption,
    UnsupportedOption,
)
from tests import samples

spec: JobSpec = samples.anything.job


class Shelf:
    def method(self) -> None:
        """Be a method."""


class TestDescribing:
    def test_every_with_returns_a_new_spec(self):
        due = datetime(2030, 1, 1, tzinfo=UTC)
        changed = (
            spec.with_args(1, 2)
            .with_kwargs(a=1)
            .with_queue("mail")
            .with_priority(7)
            .with_max_attempts(3)
            .with_scheduled_at(due)
            .with_unique_key("k")
            .with_concurrency_key("c")
            .with_expires_after(timedelta(hours=1))
            .with_timeout(timedelta(minutes=1))
            .with_meta(by="ada")
        )

        assert (changed.args, changed.kwargs) == ((1, 2), {"a": 1})
        assert (changed.queue, changed.priority, changed.max_attempts) == ("mail", 7, 3)
        assert (changed.scheduled_at, changed.unique_key) == (due, "k")
        assert (changed.concurrency_key, changed.expires_after) == ("c", 3600.0)
        assert (changed.timeout, changed.meta) == (60.0, {"by": "ada"})
        assert spec == samples.anything.job
        assert (spec.args, spec.queue) == ((), "default")

    def test_a_spec_cannot_be_changed(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            spec.queue = "mail"  # type: ignore[misc]

    def test_a_spec_can_be_copied_and_pickled_after_it_was_enqueued(self):
        # Given a spec whose function declares what cannot be pickled
        made = JobSpec("tests.samples.once_per_order", args=(3,))
        prepared = made.prepare()
        assert prepared.unique_key == "order-3"

        for other in (pickle.loads(pickle.dumps(made)), copy.deepcopy(made)):
            assert other == made
            assert other.prepare() == prepared

    def test_what_was_given_may_change_afterwards(self):
        kwargs, args = {"a": 1}, [1]
        made = JobSpec("tests.samples.anything", args=args, kwargs=kwargs)  # type: ignore[arg-type]
        kwargs["b"], args[0] = 2, 5

        assert (made.kwargs, made.args) == ({"a": 1}, (1,))

    def test_keyword_arguments_replace_and_never_merge(self):
        first = spec.with_kwargs({"a": 1, "b": 2})

        assert first.with_kwargs(c=3).kwargs == {"c": 3}
        assert first.with_kwargs({"a": 5}, b=6).kwargs == {"a": 5, "b": 6}
        assert first.with_kwargs().kwargs == {}
        assert first.with_args(9).kwargs == {"a": 1, "b": 2}

    def test_a_parameter_may_be_called_kwargs_or_meta(self):
        assert spec.with_kwargs(kwargs=1, self=2).kwargs == {"kwargs": 1, "self": 2}

    def test_a_decorated_function_brings_what_it_declares(self):
        made = JobSpec.from_func(samples.send, kwargs={"order_id": 3}, priority=9)

        assert (made.queue, made.priority, made.max_attempts) == ("mail", 9, 3)

    def test_an_undecorated_function_is_described_by_its_path(self):
        made = JobSpec.from_func(samples.undecorated, queue="slow")

        assert (made.func, made.queue) == ("tests.samples.undecorated", "slow")

    def test_a_function_may_be_named(self):
        made = JobSpec("tests.samples.send", kwargs={"order_id": 3})

        assert made.prepare().queue == "mail"
        assert made.definition.func is samples.send


class TestRefusals:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("queue", ""),
            ("queue", 5),
            ("priority", 2**31),
            ("priority", "high"),
            ("max_attempts", 0),
            ("max_attempts", -3),
            ("scheduled_at", datetime(2026, 1, 1)),  # noqa: DTZ001
            ("scheduled_at", timedelta(seconds=-5)),
            ("unique_key", ""),
            ("unique_key", 5),
            ("expires_after", 0),
            ("expires_after", -1),
            ("timeout", -1),
            ("timeout", float("nan")),
            ("memory_limit", 0),
            ("memory_limit", 1.5),
            ("memory_limit", 2**63),
            ("kwargs", [1]),
            ("meta", "x"),
            ("args", "ab"),
            ("func", 5),
            ("func", ""),
        ],
    )
    def test_a_wrong_value_is_refused_where_it_is_given(self, field, value):
        with pytest.raises(InvalidOption, match=f"^{field} must "):
            JobSpec(**{"func": "tests.samples.anything", field: value})
        with pytest.raises(InvalidOption, match=f"^{field} must "):
            spec.replace({field: value})

    def test_an_unknown_option_names_the_nearest(self):
        with pytest.raises(UnknownOption, match=r"Unknown option 'quue'. Did you mean 'queue'"):
            JobSpec.from_func(samples.anything, quue="mail")  # type: ignore[call-arg]

    def test_an_unknown_field_names_the_nearest(self):
        with pytest.raises(UnknownOption, match="Did you mean 'priority'"):
            spec.replace({"prioritty": 1})

    def test_keyword_arguments_are_a_dict_or_keywords(self):
        with pytest.raises(InvalidOption, match="takes a dict or keywords"):
            spec.with_kwargs([1])  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "func", [lambda: None, Shelf.method, Shelf().method, len, Shelf, dict.get]
    )
    def test_what_no_worker_can_import_is_refused(self, func):
        with pytest.raises(InvalidOption, match=r"cannot be a job.*top level"):
            JobSpec.from_func(func)
        with pytest.raises(InvalidOption, match=r"cannot be a job.*top level"):
            JobSpec(func).prepare()

    def test_a_nested_function_is_refused(self):
        def nested():
            """Be out of reach."""

        with pytest.raises(InvalidOption, match="no lambda, method or nested function"):
            JobSpec.from_func(nested)

    def test_a_name_that_nobody_knows_is_refused(self):
        with pytest.raises(UnknownJob, match=r"'tests.samples.sned'.*Did you mean"):
            JobSpec("tests.samples.sned").prepare()

    def test_a_limit_that_cannot_be_enforced_is_refused(self):
        with pytest.raises(UnsupportedOption, match="cannot limit memory"):
            spec.with_memory_limit(10**9).prepare()


class TestPreparing:
    def test_defaults_are_left_to_the_database(self):
        new = spec.prepare()

        assert new[:2] == ("default", "tests.samples.anything")
        assert set(new[2:]) == {None}

    def test_everything_given_is_encoded(self):
        new = (
            samples.send.job.with_kwargs(order_id=1, note="x")
            .with_timeout(5)
            .with_meta(a=(1,))
            .with_scheduled_at(timedelta(hours=1))
            .prepare()
        )

        assert new.kwargs == '{"order_id":1,"note":"x"}'
        assert (new.timeout, new.scheduled_at) == (timedelta(seconds=5), timedelta(hours=1))
        assert new.meta == '{"a":{"$tuple":[1]}}'
        assert (new.priority, new.max_attempts) == (5, 3)

    def test_a_declared_limit_can_be_lifted(self):
        assert samples.send.job.with_kwargs(order_id=1).with_timeout(0).prepare().timeout == (
            timedelta(0)
        )
        assert samples.send.job.with_kwargs(order_id=1).with_priority(0).prepare().priority is None

    @pytest.mark.parametrize(
        ("args", "kwargs", "complaint"),
        [
            ((), {}, "missing a required argument: 'order_id'"),
            ((), {"order_id": 1, "notte": "x"}, "unexpected keyword argument 'notte'"),
            ((1,), {"order_id": 2}, "multiple values for argument 'order_id'"),
            ((1, "x", 3), {}, "too many positional arguments"),
        ],
    )
    def test_wrong_arguments_name_the_parameter(self, args, kwargs, complaint):
        wrong = samples.send.job.with_args(*args).with_kwargs(kwargs)

        with pytest.raises(TypeError, match=f"tests.samples.send.*{complaint}"):
            wrong.prepare()

    @pytest.mark.parametrize(
        "wrong",
        [
            samples.send.job.with_kwargs(order_id={"a": [b"x"]}),
            samples.send.job.with_args({"a": [b"x"]}),
        ],
    )
    def test_what_cannot_be_stored_names_the_place(self, wrong):
        with pytest.raises(NotStorable) as caught:
            wrong.prepare()

        assert caught.value.path == "order_id['a'][0]"

    def test_meta_is_checked_as_well(self):
        with pytest.raises(NotStorable, match=r"meta\['a'\]: "):
            spec.with_meta(a=b"x").prepare()

    def test_a_memory_limit_is_stored_where_it_can_be_enforced(self):
        assert JobSpec("process.nothing").with_memory_limit(10**9).prepare().memory_limit == 10**9
        assert JobSpec("process.eat_memory", (1,)).prepare().memory_limit == 400 * 2**20

    def test_a_job_of_a_limited_function_goes_to_its_lane(self):
        assert JobSpec("process.nothing").prepare().lane == "process.nothing"
        assert JobSpec("thread.nothing").prepare().lane is None

    def test_the_context_is_no_argument(self):
        assert JobSpec("thread.mind_the_place", ("a", "b")).prepare().args == '["a","b"]'


class TestUniqueKeys:
    def test_a_key_may_be_made_from_the_arguments(self):
        assert samples.once_per_order.job.with_args(3).prepare().unique_key == "order-3"
        assert samples.once_per_order.job.with_kwargs(order_id=3).prepare().unique_key == "order-3"

    def test_a_key_that_is_given_goes_before_the_declared_one(self):
        given = samples.once_per_order.job.with_args(3).with_unique_key("mine")

        assert given.prepare().unique_key == "mine"

    def test_the_key_sees_defaults_and_all_parameters(self):
        made = samples.send.job.with_kwargs(order_id=3).replace(
            {"unique_key": lambda order_id, note: f"{order_id}-{note!r}"}
        )

        assert made.prepare().unique_key == "3-''"

    def test_the_key_gets_its_arguments_by_name(self):
        job = samples.send.job.with_args(3, "x")

        swapped = job.replace({"unique_key": lambda note, order_id: f"{order_id}-{note}"})
        gathered = job.replace(
            {"unique_key": lambda **given: f"{given['order_id']}-{given['note']}"}
        )

        assert swapped.prepare().unique_key == "3-x"
        assert gathered.prepare().unique_key == "3-x"

    @pytest.mark.parametrize("key", ["", "x" * 256, "a\x00b", None, 5])
    def test_a_key_that_cannot_be_stored_is_refused(self, key):
        made = samples.once_per_order.job.with_args(3).replace({"unique_key": lambda order_id: key})

        with pytest.raises(InvalidOption, match="unique_key must be"):
            made.prepare()
