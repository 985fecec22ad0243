"""What a project puts around the run of every job."""

from __future__ import annotations

from dataclasses import replace

import pytest
from asgiref.sync import iscoroutinefunction
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed
from django.utils.decorators import (
    async_only_middleware,
    sync_and_async_middleware,
    sync_only_middleware,
)

from django_jobs.exceptions import Cancel, InvalidSettings
from django_jobs.middleware import around, load
from django_jobs.outcomes import Cancelled, Failed, Succeeded
from tests.executors.bench import POLICY

TRACE: list[str] = []
MADE: list[str] = []


@pytest.fixture(autouse=True)
def _clean():
    around.cache_clear()
    TRACE.clear()
    MADE.clear()
    yield
    around.cache_clear()


@pytest.fixture
def make(make_bench):
    """Return a function that makes a bench whose jobs run inside of middleware of this module."""

    def make(kind, *names, **how):
        paths = tuple(f"{__name__}.{name}" for name in names)
        return make_bench(kind, 2, replace(POLICY, middleware=paths, **how))

    return make


def _plain(name):
    def factory(run):
        MADE.append(name)

        def middleware(context):
            TRACE.append(f"{name} before {context.job.name}")
            try:
                return run(context)
            finally:
                TRACE.append(f"{name} after")

        return middleware

    return factory


outer, inner = _plain("outer"), _plain("inner")


@async_only_middleware
def asynchronous(run):
    MADE.append("asynchronous")

    async def middleware(context):
        TRACE.append("asynchronous before")
        value = await run(context)
        TRACE.append("asynchronous after")
        return value

    return middleware


@sync_and_async_middleware
def both(run):
    MADE.append("both")
    if iscoroutinefunction(run):

        async def amiddleware(context):
            TRACE.append("both, as a coroutine")
            return await run(context)

        return amiddleware

    def middleware(context):
        TRACE.append("both, as a function")
        return run(context)

    return middleware


@sync_only_middleware
def doubled(run):
    return lambda context: [run(context)] * 2


def refuses(run):
    def middleware(context):
        raise Cancel("not today")

    return middleware


def breaks(run):
    def middleware(context):
        raise LookupError("the middleware broke")

    return middleware


def catches(run):
    def middleware(context):
        try:
            return run(context)
        except ValueError:
            return "caught"

    return middleware


def not_used(run):
    raise MiddlewareNotUsed


def neither(run):
    return run


neither.sync_capable = neither.async_capable = False  # type: ignore[attr-defined]
not_callable = 5

both_kinds = pytest.mark.parametrize("kind", ["thread", "asyncio"])


@both_kinds
def test_the_first_is_outermost_and_sees_the_job(make, kind):
    bench = make(kind, "outer", "inner")

    assert bench.run("nothing") == Succeeded()
    assert [
        f"outer before {kind}.nothing",
        f"inner before {kind}.nothing",
        "inner after",
        "outer after",
    ] == TRACE


@both_kinds
def test_each_is_made_once_and_not_for_every_job(make, kind):
    bench = make(kind, "outer", "inner")

    for _ in range(3):
        bench.run("nothing")

    assert sorted(MADE) == ["inner", "outer"]


@both_kinds
@pytest.mark.parametrize(
    "names",
    [("asynchronous",), ("outer", "asynchronous"), ("asynchronous", "outer"), ("outer", "both")],
)
def test_functions_and_coroutines_go_together(make, kind, names):
    bench = make(kind, *names)

    outcome = bench.run("give_back", 1)

    assert outcome == Succeeded("[[1],{}]")
    assert {line.split()[0].rstrip(",") for line in TRACE} == set(names)


@pytest.mark.parametrize(
    ("kind", "told"), [("thread", "both, as a function"), ("asyncio", "both, as a coroutine")]
)
def test_what_can_be_both_is_as_the_job_is(make, kind, told):
    make(kind, "both").run("nothing")

    assert [told] == TRACE


@both_kinds
def test_it_may_change_the_result(make, kind):
    assert make(kind, "doubled").run("give_back").result == "[[[],{}],[[],{}]]"


@both_kinds
def test_it_may_steer_the_job(make, kind):
    assert make(kind, "refuses").run("nothing") == Cancelled("not today")


@both_kinds
def test_what_it_raises_fails_the_attempt(make, kind):
    outcome = make(kind, "outer", "breaks").run("nothing")

    assert isinstance(outcome, Failed)
    assert outcome.fault.message == "the middleware broke"
    assert TRACE[-1] == "outer after"


@both_kinds
def test_what_the_job_raises_passes_through_it(make, kind):
    assert make(kind, "catches").run("go_wrong", "raise") == Succeeded('"caught"')


@both_kinds
def test_one_that_is_not_used_leaves_itself_out(make, kind):
    assert make(kind, "not_used", "outer").run("nothing") == Succeeded()


@both_kinds
def test_the_context_that_the_job_gets_is_the_same(make, kind):
    assert '"attempt":1' in make(kind, "outer").run("ask_context").result


@pytest.mark.parametrize("names", [("outer",), ("asynchronous",), ("outer", "asynchronous")])
def test_a_coroutine_is_cancelled_at_its_timeout_whatever_is_around_it(make, names):
    outcome = make("asyncio", *names).run("sleep_too_long")

    assert outcome.fault.exception == "django_jobs.exceptions.JobTimeout"


class TestRefusals:
    @pytest.mark.parametrize(
        ("path", "why"),
        [
            ("no.such.module", "No module named"),
            (f"{__name__}.no_such_name", "no_such_name"),
            ("nodots", "doesn't look like a module path"),
            (f"{__name__}.not_callable", "is not callable"),
        ],
    )
    def test_a_path_that_leads_nowhere_is_named(self, path, why):
        with pytest.raises(InvalidSettings, match=f"MIDDLEWARE: .*{path}.*{why}|{why}.*{path}"):
            load(path)

    def test_one_that_can_be_neither_is_refused(self):
        with pytest.raises(ImproperlyConfigured, match="sync_capable or async_capable"):
            around((f"{__name__}.neither",), False)

    def test_a_wrong_path_fails_the_job_clearly(self, make):
        outcome = make("thread", "no_such_name").run("nothing")

        assert outcome.fault.exception == "django_jobs.exceptions.InvalidSettings"

    def test_the_system_check_finds_it(self, settings):
        settings.DJANGO_JOBS = {"MIDDLEWARE": ["no.such.module"]}

        assert "django_jobs.E004" in {message.id for message in run_checks()}
