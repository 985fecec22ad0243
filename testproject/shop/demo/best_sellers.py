"""A task of Django's own, from its enqueueing to what must hold of its result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from testproject.shop.demo.invariants import Invariant
from testproject.shop.demo.run import Run
from testproject.shop.models import OrderLine

if TYPE_CHECKING:
    from django.tasks import TaskResult


@dataclass
class BestSellers:
    """What Django knows of the task."""

    run: Run
    result: TaskResult[Any, Any]

    @classmethod
    def enqueue(cls, run: Run) -> BestSellers:
        """Ask what sold best in this run."""
        from testproject.shop.tasks import best_sellers  # there are tasks: we were asked for one

        return cls(run, best_sellers.enqueue(after=run.last_order))

    def told(self) -> str:
        """Return what the story says when the workers have stopped."""
        self.result.refresh()
        return f"Its result is {self.result.status}: {self.found() or 'none'}."

    def found(self) -> list[str]:
        """Return what the task has returned."""
        return list(self.result.return_value) if self.result.status == "SUCCESSFUL" else []

    def invariants(self) -> Iterator[Invariant]:
        """Yield what must hold."""
        self.result.refresh()
        sold: Counter[str] = Counter()
        for sku, pieces in OrderLine.objects.filter(order__gt=self.run.last_order).values_list(
            "product__sku", "quantity"
        ):
            sold[sku] += pieces
        best = sorted(sold, key=lambda sku: (-sold[sku], sku))[:3]
        yield Invariant(
            f"a task of django.tasks has found {len(self.found())} of {len(best)} best sellers",
            self.found() == best,
        )
