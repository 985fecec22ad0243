"""What Python or Django is going to take away is an error in the tests."""

import warnings

import pytest
from django.utils.deprecation import (
    RemovedAfterNextVersionWarning,
    RemovedInNextVersionWarning,
)


@pytest.mark.parametrize("category", [DeprecationWarning, PendingDeprecationWarning])
@pytest.mark.parametrize(
    "module", ["django_jobs.engine.claim", "testproject.shop.jobs", "tests.engine.test_claim"]
)
def test_our_code_uses_nothing_that_python_takes_away(category, module):
    with pytest.raises(category):
        warnings.warn_explicit("It goes.", category, f"{module}.py", 1, module)


@pytest.mark.parametrize("category", [RemovedInNextVersionWarning, RemovedAfterNextVersionWarning])
def test_nothing_uses_what_django_takes_away(category):
    with pytest.raises(category):
        warnings.warn_explicit("It goes.", category, "boundfield.py", 1, "django.forms.boundfield")
