"""Jobs of every kind that explain() says something else of; to make one takes own_registry."""

from __future__ import annotations

from tests.explainable import begun, ready, waiting
from tests.explainable.kinds import KINDS

__all__ = ["KINDS", "begun", "ready", "waiting"]
