"""Keys that a function makes: it gets the arguments of a call as the job function does."""

from __future__ import annotations

import pytest

from django_jobs import job
from tests.samples import as_if_at_the_top

pytestmark = pytest.mark.usefixtures("own_registry")


@pytest.mark.parametrize(
    ("args", "kwargs", "key"),
    [
        ((1, 2), {}, "1 2 () 3 {}"),
        ((1,), {"b": 2, "c": 4}, "1 2 () 4 {}"),
        ((1, 2, 5, 6), {"c": 4}, "1 2 (5, 6) 4 {}"),
        ((1, 2), {"a": 7, "d": 8}, "1 2 () 3 {'a': 7, 'd': 8}"),
    ],
    ids=["by position", "by name", "more than are named", "others by name"],
)
def test_the_key_is_made_of_the_arguments_however_they_are_passed(args, kwargs, key):
    @job(unique_key=lambda a, /, b, *rest, c, **more: f"{a} {b} {rest} {c} {more}")
    @as_if_at_the_top
    def function(a, /, b, *rest, c=3, **more):
        """Have parameters of every kind."""

    assert function.job.calling(args, kwargs).prepare().unique_key == key
