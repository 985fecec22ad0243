"""enqueue_on: what happens to a model makes jobs, in the same transaction."""

from __future__ import annotations

import gc

import pytest
from django.contrib.auth.models import Group, User
from django.core import serializers
from django.db import transaction
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save

from django_jobs import enqueue_on, receivers
from django_jobs.exceptions import InvalidOption, NotStorable, UnknownOption
from django_jobs.models import Job
from django_jobs.states import State
from testproject.ledger.models import Effect, Gate
from tests import samples
from tests.threads import at_once


@pytest.fixture
def on(transactional_db):
    """Connect receivers for one test: ``on(signal, **options)``."""
    connected = []

    def connect(signal=post_save, *, sender=Gate, job=samples.anything, **options):
        receiver = enqueue_on(signal, sender=sender, job=job, **options)
        connected.append((signal, receiver, sender))
        return receiver

    yield connect
    for signal, receiver, sender in connected:
        assert signal.disconnect(receiver, sender=sender)


def enqueued():
    """Return the arguments of all jobs, in order."""
    return [(job.args, job.kwargs) for job in Job.objects.order_by("pk")]


class TestWhatIsEnqueued:
    def test_the_job_gets_the_primary_key(self, on):
        on()

        gate = Gate.objects.create(name="a")

        assert enqueued() == [([gate.pk], {})]
        assert Job.objects.get().name == "tests.samples.anything"

    def test_or_what_kwargs_make_of_the_instance(self, on):
        on(kwargs=lambda gate: {"name": gate.name, "pk": gate.pk})

        gate = Gate.objects.create(name="a")

        assert enqueued() == [([], {"name": "a", "pk": gate.pk})]

    def test_a_spec_brings_its_options(self, on):
        on(job=samples.anything.job.with_queue("mail").with_priority(7))

        Gate.objects.create(name="a")

        assert Job.objects.values_list("queue", "priority").get() == ("mail", 7)

    def test_a_unique_key_holds_as_ever(self, on):
        on(job=samples.once_per_order)

        gate = Gate.objects.create(name="a")
        gate.save()

        assert Job.objects.get().unique_key == f"order-{gate.pk}"

    def test_other_models_are_no_concern(self, on):
        on(sender=Effect)

        Gate.objects.create(name="a")

        assert enqueued() == []

    def test_several_jobs_may_follow_one_event(self, on):
        on()
        on(job=samples.send)

        Gate.objects.create(name="a")

        assert Job.objects.count() == 2

    def test_deleting_is_an_event_too(self, on):
        on(post_delete, kwargs=lambda gate: {"name": gate.name})

        Gate.objects.create(name="a").delete()

        assert enqueued() == [([], {"name": "a"})]

    def test_so_is_what_happens_before_saving(self, on):
        on(pre_save, when=lambda gate: gate.pk, kwargs=lambda gate: {"name": gate.name})

        gate = Gate.objects.create(name="a")
        gate.name = "b"
        gate.save()

        assert enqueued() == [([], {"name": "b"})]

    def test_the_receiver_stays_without_being_kept(self, on):
        on()
        gc.collect()

        Gate.objects.create(name="a")

        assert len(enqueued()) == 1


class TestConditions:
    def test_only_new_rows(self, on):
        on(created=True, kwargs=lambda gate: {"name": gate.name})

        gate = Gate.objects.create(name="a")
        gate.name = "b"
        gate.save()

        assert enqueued() == [([], {"name": "a"})]

    def test_only_changed_rows(self, on):
        on(created=False, kwargs=lambda gate: {"name": gate.name})

        gate = Gate.objects.create(name="a")
        gate.name = "b"
        gate.save()

        assert enqueued() == [([], {"name": "b"})]

    def test_only_when_the_instance_is_right(self, on):
        on(when=lambda gate: gate.name.startswith("b"))

        Gate.objects.create(name="a")
        wanted = Gate.objects.create(name="b")

        assert enqueued() == [([wanted.pk], {})]

    def test_fixtures_are_skipped(self, on):
        on()
        fixture = serializers.serialize("json", [Gate(pk=5, name="a")])

        for loaded in serializers.deserialize("json", fixture):
            loaded.save()

        assert Gate.objects.exists()
        assert enqueued() == []

    def test_bulk_operations_send_no_signals(self, on):
        on()

        Gate.objects.bulk_create([Gate(name="a")])
        Gate.objects.update(name="b")

        assert enqueued() == []


class TestTransactions:
    def test_the_job_is_rolled_back_with_its_row(self, on):
        on()

        with transaction.atomic():
            Gate.objects.create(name="a")
            assert len(enqueued()) == 1
            transaction.set_rollback(True)

        assert (Gate.objects.exists(), enqueued()) == (False, [])

    def test_others_see_row_and_job_together(self, on):
        on()

        with transaction.atomic():
            Gate.objects.create(name="a")
            assert at_once(lambda: (Gate.objects.count(), Job.objects.count())) == [(0, 0)]

        assert at_once(lambda: (Gate.objects.count(), Job.objects.count())) == [(1, 1)]

    def test_a_job_that_cannot_be_made_fails_the_save(self, on):
        on(kwargs=lambda gate: {"gate": b"bytes"})

        with pytest.raises(NotStorable, match="gate"), transaction.atomic():
            Gate.objects.create(name="a")

        assert not Gate.objects.exists()


class TestDeduplication:
    def test_one_transaction_enqueues_the_same_thing_once(self, on):
        on()

        with transaction.atomic():
            gate = Gate.objects.create(name="a")
            gate.save()
            gate.save()

        assert enqueued() == [([gate.pk], {})]

    def test_other_arguments_are_another_thing(self, on):
        on(kwargs=lambda gate: {"name": gate.name})

        with transaction.atomic():
            gate = Gate.objects.create(name="a")
            gate.name = "b"
            gate.save()
            Gate.objects.create(name="c")

        assert [kwargs["name"] for _, kwargs in enqueued()] == ["a", "b", "c"]

    def test_other_jobs_and_queues_are_another_thing(self, on):
        on()
        on(job=samples.anything.job.with_queue("mail"))
        on(job=samples.send)

        with transaction.atomic():
            Gate.objects.create(name="a").save()

        assert Job.objects.count() == 3

    def test_the_next_transaction_enqueues_it_again(self, on):
        on()
        with transaction.atomic():
            gate = Gate.objects.create(name="a")

        for _ in range(2):
            with transaction.atomic():
                gate.save()

        assert enqueued() == [([gate.pk], {})] * 3

    def test_without_a_transaction_every_save_enqueues(self, on):
        on()

        gate = Gate.objects.create(name="a")
        gate.save()

        assert len(enqueued()) == 2

    def test_a_rolled_back_transaction_is_forgotten(self, on):
        on()
        gate = Gate(name="a", pk=5)
        with transaction.atomic():
            gate.save()
            transaction.set_rollback(True)

        with transaction.atomic():
            gate.save(force_insert=True)

        assert enqueued() == [([5], {})]

    def test_a_rolled_back_savepoint_is_forgotten_within_its_transaction(self, on):
        on()

        with transaction.atomic():
            gate = Gate.objects.create(name="a")
            other = Gate(name="b", pk=gate.pk + 100)
            with transaction.atomic():
                other.save()
                transaction.set_rollback(True)
            other.save(force_insert=True)
            other.save()
            gate.save()

        assert enqueued() == [([gate.pk], {}), ([other.pk], {})]

    def test_a_savepoint_that_holds_counts_for_its_transaction(self, on):
        on()

        with transaction.atomic():
            with transaction.atomic():
                gate = Gate.objects.create(name="a")
            gate.save()

        assert len(enqueued()) == 1

    def test_threads_do_not_hide_each_others_events(self, on):
        gate = Gate.objects.create(name="a")
        on()

        def save():
            with transaction.atomic():
                Gate.objects.get(pk=gate.pk).save()

        at_once(*[save] * 4)

        assert enqueued() == [([gate.pk], {})] * 4

    def test_a_job_that_was_enqueued_by_hand_is_no_duplicate(self, on):
        on(kwargs=lambda gate: {})

        with transaction.atomic():
            samples.anything.enqueue()
            Gate.objects.create(name="a")

        assert Job.objects.ready().count() == 2

    def test_nothing_is_left_behind_after_the_commit(self, on):
        on()
        with transaction.atomic():
            Gate.objects.create(name="a")
            assert [len(marks) for marks in receivers._marks.values() if marks] == [1]

        gc.collect()
        assert not any(len(marks) for marks in receivers._marks.values())


class TestRefusals:
    @pytest.mark.parametrize("wrong", [{"when": True}, {"kwargs": {"a": 1}}])
    def test_what_must_be_callable(self, wrong):
        with pytest.raises(InvalidOption, match=f"{next(iter(wrong))} must be callable"):
            enqueue_on(post_save, sender=Gate, job=samples.anything, **wrong)

    @pytest.mark.parametrize("job", [5, "tests.samples.anything", lambda gate: None])
    def test_what_is_no_job(self, job):
        with pytest.raises(InvalidOption):
            enqueue_on(post_save, sender=Gate, job=job)

    def test_an_unknown_option(self):
        with pytest.raises((UnknownOption, TypeError), match="create"):
            enqueue_on(post_save, sender=Gate, job=samples.anything, create=True)  # type: ignore[call-arg]

    def test_nothing_is_connected_when_it_is_refused(self):
        before = len(post_save.receivers)

        with pytest.raises(InvalidOption):
            enqueue_on(post_save, sender=Gate, job=samples.anything, when=True)  # type: ignore[arg-type]

        assert len(post_save.receivers) == before


def test_relations_are_events_too(on):
    on(m2m_changed, sender=User.groups.through, kwargs=lambda user: {"user": user.username})
    user = User.objects.create(username="ada")
    with transaction.atomic():
        user.groups.add(Group.objects.create(name="staff"))

    assert enqueued() == [([], {"user": "ada"})]
    assert Job.objects.get().state == State.READY
