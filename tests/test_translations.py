"""The admin in other languages than English."""

from __future__ import annotations

import gettext
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import translation

import django_jobs
from tests.rows import make_job

LOCALE = Path(django_jobs.__file__).parent / "locale"
LANGUAGES = sorted(path.name for path in LOCALE.iterdir())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_of_a_catalogue_is_one_of_djangos(language):
    assert language in dict(settings.LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_translation_puts_in_is_what_the_text_puts_in(language):
    # Given the compiled catalogue
    with (LOCALE / language / "LC_MESSAGES" / "django.mo").open("rb") as file:
        texts = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    # Then values can be put into each translation as into the text
    assert len(texts) > 400
    for text, translated in texts.items():
        source = text[0] if isinstance(text, tuple) else text
        if source and "%(" in source:
            names = {name.partition(")")[0] for name in translated.split("%(")[1:]}
            assert names <= {name.partition(")")[0] for name in source.split("%(")[1:]}, source


@pytest.mark.django_db
def test_the_admin_speaks_german(admin_client, settings):
    settings.LANGUAGE_CODE = "de"
    job = make_job("failed")
    with translation.override("de"):
        dashboard = admin_client.get(reverse("admin:app_list", args=["django_jobs"]))
        jobs = admin_client.get(reverse("admin:django_jobs_job_changelist"))
        page = admin_client.get(reverse("admin:django_jobs_job_change", args=[job.pk]))
    assert "Warteschlange" in dashboard.content.decode()
    assert "fehlgeschlagen" in jobs.content.decode()
    assert "Zeitstrahl" in page.content.decode()
