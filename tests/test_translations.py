"""The admin in other languages than English."""

from __future__ import annotations

import ast
import gettext
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import translation

import django_jobs
from django_jobs.admin.schedule.preview import preview
from django_jobs.models import Schedule, Worker
from tests.rows import make_job

PACKAGE = Path(django_jobs.__file__).parent
LOCALE = PACKAGE / "locale"
LANGUAGES = sorted(path.name for path in LOCALE.iterdir())
#: Django's functions that translate, and whether a context comes before the text.
FUNCTIONS = {"gettext": 0, "ngettext": 0, "pgettext": 1, "npgettext": 1}
IN_TEMPLATES = re.compile(
    r"""\{% translate (?P<quote>["'])(?P<text>.*?)(?P=quote)(?: context "(?P<context>[^"]*)")?"""
)


def catalogue(language):
    with (LOCALE / language / "LC_MESSAGES" / "django.mo").open("rb") as file:
        return gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]


def marked_in_code():
    """Yield what the code wants translated, as catalogues have it: a context goes before a \\4."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        # By any name that a module gives the functions: makemessages sees the usual ones only.
        names = {
            alias.asname or alias.name: FUNCTIONS.get(alias.name.removesuffix("_lazy"))
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
            for alias in node.names
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                before = names.get(node.func.id)
                given = node.args[: 0 if before is None else before + 1]
                texts = [str(one.value) for one in given if isinstance(one, ast.Constant)]
                if texts and len(texts) == len(given):  # else it was marked elsewhere
                    yield "\x04".join(texts)


def marked_in_templates():
    for path in sorted(PACKAGE.rglob("*.html")):
        for match in IN_TEMPLATES.finditer(path.read_text(encoding="utf-8")):
            yield "\x04".join(filter(None, (match["context"], match["text"])))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_of_a_catalogue_is_one_of_djangos(language):
    assert language in dict(settings.LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_translation_puts_in_is_what_the_text_puts_in(language):
    # Given the compiled catalogue
    texts = catalogue(language)
    # Then values can be put into each translation as into the text
    assert len(texts) > 400
    for text, translated in texts.items():
        source = text[0] if isinstance(text, tuple) else text
        if source and "%(" in source:
            names = {name.partition(")")[0] for name in translated.split("%(")[1:]}
            assert names <= {name.partition(")")[0] for name in source.split("%(")[1:]}, source


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_that_is_marked_has_a_translation(language):
    # Given what the code and the templates mark
    marked = {*marked_in_code(), *marked_in_templates()}
    assert len(marked) > 400
    # Then each is in the catalogue, with a plural or without
    texts = {text[0] if isinstance(text, tuple) else text for text in catalogue(language)}
    assert sorted(marked - texts) == []


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


@pytest.mark.django_db
def test_what_javascript_says_is_told_it_in_the_language(admin_client):
    job = make_job()
    for url in (
        reverse("admin:app_list", args=["django_jobs"]),
        reverse("admin:django_jobs_job_change", args=[job.pk]),
    ):
        page = admin_client.get(url, headers={"accept-language": "de"})
        assert 'data-label-pause="Aktualisierung pausieren"' in page.content.decode()


def test_the_days_of_a_schedules_next_runs_are_told_in_the_language():
    with translation.override("de"):
        shown = preview(Schedule(cron="0 3 * * 1", timezone="UTC"))
    assert "<li>Mo 20" in shown


@pytest.mark.django_db
def test_numbers_are_told_in_the_language(admin_client, settings):
    settings.LANGUAGE_CODE = "de"
    Worker.objects.create(hostname="web1", pid=1, concurrency=1_500)
    with translation.override("de"):
        page = admin_client.get(reverse("admin:django_jobs_worker_changelist"))
    assert "0 / 1.500" in page.content.decode()
