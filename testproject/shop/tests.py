"""How a project tests what it does in the background."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from django.test import TestCase

from django_jobs import enqueue
from django_jobs.testing import (
    assert_enqueued,
    assert_idempotent,
    assert_not_enqueued,
    captured_jobs,
    run_jobs,
    travel,
)
from testproject.shop.jobs import book_order, charge_card, send_receipt
from testproject.shop.models import Booking, Customer, Order, Receipt


class CheckoutTests(TestCase):
    """The jobs of an order, in a transaction that is rolled back."""

    def setUp(self) -> None:
        """Make an order."""
        customer = Customer.objects.create(name="Ada Martin", email="ada@example.com")
        with captured_jobs():
            self.order = Order.objects.create(customer=customer, total=Decimal("9.90"))

    def test_a_receipt_is_enqueued_and_sent(self) -> None:
        """It is enqueued on its queue, and leaves a row."""
        with captured_jobs() as jobs:
            send_receipt.enqueue(order_id=self.order.pk)

        assert_enqueued(send_receipt, kwargs={"order_id": self.order.pk}, queue="mail", jobs=jobs)
        assert_not_enqueued(charge_card, jobs=jobs)

        run_jobs(queues=["mail"], raise_errors=True)
        assert Receipt.objects.filter(order=self.order).exists()

    def test_a_job_for_tomorrow_runs_tomorrow(self) -> None:
        """It is not due before."""
        spec = send_receipt.job.with_kwargs(order_id=self.order.pk).with_queue("later")
        row = enqueue(spec.with_scheduled_at(timedelta(days=1)))
        assert run_jobs(queues=["later"]) == []

        with travel(timedelta(days=1, seconds=1)):
            (ran,) = run_jobs(queues=["later"])

        assert (ran.pk, ran.state) == (row.pk, "succeeded")

    def test_booking_an_order_twice_books_it_once(self) -> None:
        """What it does is committed with its end, or not at all."""
        assert_idempotent(book_order, order_id=self.order.pk)
        assert_idempotent(send_receipt, order_id=self.order.pk)
        assert not Booking.objects.exists()
