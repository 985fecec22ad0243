"""How a project tests what it does in the background."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.core import mail
from django.test import TestCase, override_settings
from django.urls import reverse

from django_jobs import enqueue
from django_jobs.testing import (
    arun_jobs,
    assert_enqueued,
    assert_idempotent,
    assert_not_enqueued,
    captured_jobs,
    run_jobs,
    travel,
)
from testproject.shop.jobs import book_order, charge_card, notify_warehouse, send_receipt
from testproject.shop.models import Booking, Customer, Order, Product, Receipt


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

    async def test_the_warehouse_is_told_what_to_pack(self) -> None:
        """The job is a coroutine, and so is its test."""
        row = await notify_warehouse.aenqueue(order_id=self.order.pk)

        ran = await arun_jobs()

        assert row.pk in [one.pk for one in ran]
        await self.order.arefresh_from_db()
        assert self.order.packed_at is not None

    def test_booking_an_order_twice_books_it_once(self) -> None:
        """What it does is committed with its end, or not at all."""
        assert_idempotent(book_order, order_id=self.order.pk)
        assert_idempotent(send_receipt, order_id=self.order.pk)
        assert not Booking.objects.exists()

    def test_booking_without_the_job_s_transaction_would_book_it_twice(self) -> None:
        """A job that is killed after its first row writes it again when it is run again."""
        with self.assertRaisesRegex(AssertionError, r"shop\.Booking has besides"):
            assert_idempotent(book_carelessly, order_id=self.order.pk)


def book_carelessly(order_id: int) -> None:
    """Book an order, and see to the rest of it behind that."""
    order = Order.objects.get(pk=order_id)
    Booking.objects.create(order=order, amount=order.total)
    order.lines.update(reserved=True)


@override_settings(DJANGO_JOBS={**settings.DJANGO_JOBS, "IMMEDIATE": True})
class FrontPageTests(TestCase):
    """The pages and what comes of them, as if a worker were very quick."""

    def test_whoever_orders_gets_a_receipt(self) -> None:
        """The jobs of the order run when its transaction is committed."""
        Product.objects.create(sku="LAMP", name="Brass lamp", price=Decimal("9.90"), stock=5)
        basket = {"name": "Ada", "email": "ada@example.com", "product": "LAMP", "pieces": 2}

        with self.captureOnCommitCallbacks(execute=True):
            answer = self.client.post(reverse("shop:place"), basket, follow=True)

        receipt = Receipt.objects.get()
        self.assertRedirects(answer, receipt.order.get_absolute_url())
        assert [one.subject for one in mail.outbox] == [f"Your receipt {receipt.number}"]
        assert Product.objects.get().stock == 3
