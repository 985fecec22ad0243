"""Values without their secrets."""

from __future__ import annotations

from typing import Any

from django_jobs.conf import Options
from django_jobs.redaction import HIDDEN, is_secret, redact

PATTERNS = Options().admin_redact


def test_what_stands_under_a_secret_name_is_hidden_however_deep():
    # Given a secret below a list below a key
    value: dict[str, Any] = {"user": "ada", "accounts": [{"Password": "hunter2", "name": "x"}]}
    # When the value is redacted
    shown = redact(value, PATTERNS)
    # Then the secret is hidden, and the rest is as it was
    assert shown == {"user": "ada", "accounts": [{"Password": HIDDEN, "name": "x"}]}
    assert value["accounts"][0]["Password"] == "hunter2"


def test_all_below_a_secret_name_is_hidden():
    assert redact({"client_secret": {"a": [1, 2]}}, PATTERNS) == {"client_secret": HIDDEN}


def test_names_are_matched_by_patterns_whatever_their_case():
    assert is_secret("STRIPE_API_KEY", PATTERNS)
    assert is_secret("card", ["c?rd"])
    assert not is_secret("cardinal", ["c?rd"])
