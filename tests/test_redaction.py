"""Values without their secrets."""

from __future__ import annotations

import json

import pytest

from django_jobs.conf import Options
from django_jobs.redaction import (
    HIDDEN,
    NothingHidden,
    is_secret,
    redact,
    redact_args,
    restore,
    secrets_in,
    without,
)

PATTERNS = Options().admin_redact


def test_what_stands_under_a_secret_name_is_hidden_however_deep():
    # Given a secret below a list below a key
    accounts = [{"Password": "hunter2", "name": "x"}]
    # When the value is redacted
    shown = redact({"user": "ada", "accounts": accounts}, PATTERNS)
    # Then the secret is hidden, and the rest is as it was
    assert shown == {"user": "ada", "accounts": [{"Password": HIDDEN, "name": "x"}]}
    assert accounts[0]["Password"] == "hunter2"


def test_all_below_a_secret_name_is_hidden():
    assert redact({"client_secret": {"a": [1, 2]}}, PATTERNS) == {"client_secret": HIDDEN}


def test_names_are_matched_by_patterns_whatever_their_case():
    assert is_secret("STRIPE_API_KEY", PATTERNS)
    assert is_secret("card", ["c?rd"])
    assert not is_secret("cardinal", ["c?rd"])


def test_keys_of_their_own_that_begin_with_a_dollar_are_matched_as_they_are_meant():
    assert redact({"$$password": "x", "$model": ["a.b", 3, "x"]}, ["password", "model"]) == {
        "$$password": HIDDEN,
        "$model": HIDDEN,
    }


def test_json_that_is_stored_as_text_is_looked_into():
    shown = redact({"$json": '{"token": "x", "a": 1}'}, PATTERNS)
    assert json.loads(shown["$json"]) == {"token": HIDDEN, "a": 1}
    assert redact({"$json": "{"}, PATTERNS) == {"$json": "{"}


def test_positional_arguments_are_hidden_by_the_names_of_their_parameters():
    args = ["ada", "x", "y"]
    assert redact_args(args, ["user", "password"], "tokens", PATTERNS) == ["ada", HIDDEN, HIDDEN]
    assert redact_args(args, ["user", "password"], "", PATTERNS) == ["ada", HIDDEN, "y"]
    assert redact_args(args, None, "", PATTERNS) == [HIDDEN] * 3
    assert redact_args({"token": 1}, None, "", PATTERNS) == {"token": HIDDEN}


@pytest.mark.parametrize(
    "stored",
    [
        {"user": "ada", "token": "x", "in": [{"password": {"a": 1}}, 3]},
        [{"token": None}],
        {"$json": '{"token": "x", "a": 1}'},
        {"a": {"$tuple": [{"secret": [1]}]}},
        3,
    ],
)
def test_what_was_left_as_it_was_shown_comes_back_whole(stored):
    back = restore(redact(stored, PATTERNS), redact(stored, PATTERNS), stored)
    if isinstance(stored, dict) and "$json" in stored:
        back, stored = json.loads(back["$json"]), json.loads(stored["$json"])
    assert back == stored


def test_what_was_edited_is_kept_and_secrets_come_back_at_their_own_places_only():
    stored = {"user": "ada", "token": "x", "list": [{"token": "y"}, {"token": "z"}]}
    shown = redact(stored, PATTERNS)
    assert restore(
        {"user": "bob", "token": HIDDEN, "list": [{"token": HIDDEN}]}, shown, stored
    ) == {
        "user": "bob",
        "token": "x",
        "list": [{"token": "y"}],
    }
    for moved in ({"user": HIDDEN}, {"other": HIDDEN}, [HIDDEN], {"list": [HIDDEN]}, HIDDEN):
        with pytest.raises(NothingHidden):
            restore(moved, shown, stored)


def test_secrets_that_are_repeated_in_a_text_are_hidden_there_too():
    stored = {
        "password": "hunter2",
        "token": {"a": ["it's", 12345]},
        "pin_secret": 7,
        "user": "ada",
    }
    secrets = secrets_in(redact(stored, PATTERNS), stored)
    text = without('ada logged in by hunter2, "it\'s", 12345; 7', secrets)
    assert text == f'ada logged in by {HIDDEN}, "{HIDDEN}", {HIDDEN}; 7'


def test_secrets_in_json_that_is_stored_as_text_are_known_too():
    stored = {"$json": '{"token": "sesame"}'}
    assert secrets_in(redact(stored, PATTERNS), stored) == {"sesame"}
