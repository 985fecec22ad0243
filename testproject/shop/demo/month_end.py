"""The end of the month: a workflow, from its making to what must hold of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Sum
from django.urls import reverse

from django_jobs.models import Workflow
from testproject.shop.closing import closing
from testproject.shop.demo.invariants import Invariant
from testproject.shop.demo.run import Run
from testproject.shop.models import OrderLine


@dataclass
class MonthEnd:
    """The workflow that closes the month of a run."""

    run: Run
    workflow: Workflow

    @classmethod
    def enqueue(cls, run: Run) -> "MonthEnd":
        """Close the month: all products that were sold in this run, and the sum of them."""
        lines = OrderLine.objects.filter(order__gt=run.last_order)
        products = lines.order_by("product").values_list("product", flat=True).distinct()
        return cls(run, closing(products, after=run.last_order).enqueue())

    def told(self) -> Iterator[str]:
        """Yield what the story says when the workers have stopped."""
        self.workflow.refresh_from_db()
        for step in self.workflow.steps.order_by("position"):
            yield f"{step.title}: {step.state}"

    def invariants(self) -> Iterator[Invariant]:
        """Yield what must hold."""
        self.workflow.refresh_from_db()
        sales = self.run.orders().aggregate(sum=Sum("total", default=Decimal()))["sum"]
        found = self.workflow.results()["sum"] or {"pieces": 0, "revenue": Decimal()}
        done, total = self.workflow.progress
        yield Invariant(
            f"the month is closed: {done:,} of {total:,} jobs of the workflow, "
            f"{found['revenue']:,} of {sales:,} in the sum that came after all of them",
            self.workflow.state == Workflow.State.SUCCEEDED and found["revenue"] == sales,
        )

    def sights(self) -> Iterator[tuple[str, str]]:
        """Yield the page of the admin that is worth a look."""
        url = reverse("admin:django_jobs_workflow_change", args=[self.workflow.pk])
        yield url, "the graph of a workflow"
