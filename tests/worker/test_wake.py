"""The bell that any thread may ring."""

from __future__ import annotations

import threading
import time

from django_jobs.worker.wake import Wake
from tests.threads import DEADLINE


def test_it_is_heard_by_who_waits_already():
    wake = Wake()
    heard = []
    thread = threading.Thread(target=lambda: heard.append(wake.wait(DEADLINE)))
    thread.start()
    wake.ring()
    thread.join(DEADLINE)
    assert heard == [True]


def test_it_is_heard_by_who_comes_later_and_once():
    wake = Wake()
    wake.ring()
    wake.ring()
    assert wake.wait(DEADLINE)
    assert not wake.wait(0)


def test_silence_ends_at_the_timeout():
    began = time.monotonic()
    assert not Wake().wait(0.05)
    assert 0.05 <= time.monotonic() - began < DEADLINE
