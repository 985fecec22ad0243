"""pause_queue and resume_queue."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_jobs import engine
from django_jobs.models import Queue

pytestmark = pytest.mark.django_db


def pause(name="mail", **how):
    engine.pause_queue(name, using="default", **how)
    return Queue.objects.get(name=name)


def test_a_queue_without_a_row_can_be_paused():
    queue = pause()

    assert queue.paused_at is not None
    assert queue.resume_at is None


def test_pausing_again_keeps_the_beginning_and_takes_the_new_end():
    first = pause(resume_at=timedelta(hours=1))

    second = pause()

    assert second.paused_at == first.paused_at
    assert second.resume_at is None


@pytest.mark.parametrize("end", [timedelta(hours=1), timezone.now() + timedelta(hours=1)])
def test_a_pause_may_have_an_end(end):
    left = pause(resume_at=end).resume_at - timezone.now()

    assert timedelta(minutes=58) < left < timedelta(minutes=62)


def test_resuming_says_whether_it_was_paused():
    pause(resume_at=timedelta(hours=1))

    assert engine.resume_queue("mail", using="default") is True
    assert engine.resume_queue("mail", using="default") is False
    assert engine.resume_queue("unheard-of", using="default") is False
    assert Queue.objects.values_list("paused_at", "resume_at").get() == (None, None)
