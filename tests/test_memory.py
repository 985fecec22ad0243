"""How much memory a process takes."""

from __future__ import annotations

import os
import sys

import pytest

from django_jobs.memory import address_space, resident

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody tells")

MEGABYTE = 2**20


def test_this_process_holds_more_when_it_takes_more():
    before = resident()
    assert before is not None

    taken = b"x" * (64 * MEGABYTE)

    assert (resident() or 0) - before > 32 * MEGABYTE
    del taken


def test_a_process_is_found_by_its_id():
    assert abs((resident(os.getpid()) or 0) - (resident() or 0)) < 16 * MEGABYTE


def test_of_a_process_that_is_gone_nobody_tells():
    assert resident(2**22 + 1) is None


def test_a_process_maps_more_than_it_holds():
    space = address_space()

    assert space is not None
    assert space[0] > space[1] > 0
