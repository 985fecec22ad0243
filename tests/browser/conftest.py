"""A real browser on the test project's admin, with whoever may do everything logged in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client

from tests.lifecycle.conftest import Runjobs

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

#: Where browsers are that the system has installed.
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SCREEN = {"width": 1280, "height": 900}
#: Milliseconds that the page may take for anything.
PATIENCE = 10_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip these tests where there is no Chromium."""
    if CHROMIUM is None:
        for item in items:
            if "tests/browser/" in item.nodeid:
                item.add_marker(pytest.mark.skip(reason="no Chromium on this machine"))


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """Start the browser for one module: its loop must not run beside tests of coroutines."""
    # Playwright's loop runs in this thread, in which Django then takes every query for a mistake.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def open_page(browser, live_server, transactional_db):
    """Return a function that opens a window, logged in; ``how`` are options of its context."""
    user = get_user_model().objects.create_superuser("admin", password="admin")
    client = Client()
    client.force_login(user)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    contexts, complaints = [], []

    def make(**how):
        context = browser.new_context(
            **{"base_url": live_server.url, "locale": "en-GB", "viewport": SCREEN, **how}
        )
        contexts.append(context)
        context.route("**/favicon.ico", lambda route: route.fulfill(status=204))
        context.set_default_timeout(PATIENCE)
        context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}]
        )
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda one: complaints.extend([one.text] * (one.type == "error")))
        return page

    yield make
    for context in contexts:
        context.close()
    # Also what the Content-Security-Policy has refused is told as an error of the console.
    assert complaints == []


@pytest.fixture
def page(open_page):
    """Return a window of 1280 pixels, light."""
    return open_page()


@pytest.fixture
def runjobs_beside(test_database_for_children, transactional_db, tmp_path) -> Iterator[Runjobs]:
    """Let `manage.py runjobs` run beside the browser."""
    started = Runjobs("--concurrency", "4", "--no-progress", log=tmp_path / "runjobs.log")
    yield started
    started.destroy()


def is_wider_than_screen(page) -> bool:
    """Say whether something sticks out of the page to the right."""
    width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return bool(page.evaluate(width) > 1)
