"""Why a job is not running, in other languages than English; the command says it in English."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import translation

from django_jobs import explain
from tests.explainable import KINDS
from tests.explainable.ready import in_a_paused_queue
from tests.explainable.waiting import due_in_days

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_registry")]


def sentences(job, language):
    with translation.override(language):
        told = explain(job)
    return [told.headline, *(text for one in told.reasons for text in (one.text, one.discreet))]


@pytest.mark.parametrize("language", ["de", "fr"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_sentence_is_translated(kind, language):
    job = kind()

    english, translated = sentences(job, "en"), sentences(job, language)

    assert len(translated) == len(english)
    assert [text for text in translated if text and text in english] == []


def test_the_command_says_in_english_what_the_admin_says_in_german(admin_client, settings, capsys):
    # Given a German project, and a job that waits in a paused queue
    settings.LANGUAGE_CODE = "de"
    job = in_a_paused_queue()
    # When both are asked why
    with translation.override("de"):
        call_command("jobs", "explain", str(job.pk))
        page = admin_client.get(reverse("admin:django_jobs_job_change", args=[job.pk]))
    # Then each answers in its language
    said = capsys.readouterr().out
    assert "It is ready, and will not run as things are." in said
    assert "The queue 'default' is paused, since " in said
    assert "Die Warteschlange „default“ ist seit " in page.content.decode()


def test_the_command_writes_spans_and_numbers_in_english(settings, capsys):
    settings.LANGUAGE_CODE = "de"
    job = due_in_days()

    with translation.override("de"):
        call_command("jobs", "explain", str(job.pk), "--format", "json")
        call_command("jobs", "list")

    said = capsys.readouterr().out
    assert '"It is due in 3 days 2 h."' in said
    assert "in 3 days 2 h" in said.rpartition("}")[2]
