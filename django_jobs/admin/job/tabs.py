"""The states above the list of jobs, each with how many jobs are in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from django.utils.translation import gettext as _

from django_jobs import wording
from django_jobs.states import State
from django_jobs.tallies import Tallies, Tally

#: The parameter that names the state.
PARAMETER = "state__exact"


class Tab(NamedTuple):
    """One state, or all of them."""

    label: str
    #: The state's name, empty for all.
    state: str
    address: str
    #: How many jobs there are, in words; empty where nobody knows.
    told: str
    is_chosen: bool


def tabs(
    chosen: str | None, tallied: Tallies | None, address: Callable[[dict[str, str | None]], str]
) -> list[Tab]:
    """Return all tabs; ``address`` gives the page's address with another parameter."""
    total = None if tallied is None else tallied.total
    found = [Tab(_("All"), "", address({PARAMETER: None}), told(total), not chosen)]
    for state in State:
        tally = None if tallied is None else tallied.by_state[state.value]
        found.append(
            Tab(
                str(state.label).capitalize(),
                state.value,
                address({PARAMETER: state.value}),
                told(tally),
                chosen == state.value,
            )
        )
    return found


def told(tally: Tally | None) -> str:
    """Return a number of jobs such as ``1,204``, ``10,000+`` or ``about 4,900,000``."""
    if tally is None:
        return ""
    number = wording.number(tally.jobs)
    if tally.is_estimated:
        return _("about %s") % number
    return f"{number}+" if tally.is_capped else number
