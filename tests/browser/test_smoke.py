"""The pages as they are without any data, in a real browser."""

from __future__ import annotations

import pytest

PAGES = [
    "/admin/django_jobs/",
    "/admin/django_jobs/job/",
    "/admin/django_jobs/queue/",
    "/admin/django_jobs/worker/",
    "/admin/django_jobs/schedule/",
    "/admin/django_jobs/workflow/",
    "/admin/django_jobs/job/add/",
]


@pytest.mark.parametrize("address", PAGES)
def test_a_page_is_shown_without_complaints_of_the_browser(page, address):
    answer = page.goto(address)
    assert answer.status == 200
    assert page.locator("#content").is_visible()
