"""The example shop: what its pages enqueue and what its jobs leave behind."""

import subprocess
import sys
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_jobs import Cancel, JobContext
from django_jobs.models import Job
from django_jobs.outcomes import Claimed, Fault
from django_jobs.signals import job_failed
from testproject.shop import forecast, gateway, jobs, suppliers
from testproject.shop.checkout import place_order
from testproject.shop.data import generate
from testproject.shop.models import (
    Booking,
    Customer,
    Mailing,
    Order,
    OrderLine,
    Product,
    Receipt,
    SalesReport,
    StaffNote,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_latency(monkeypatch):
    """Let everybody answer at once."""
    monkeypatch.setattr(gateway, "LATENCY", 0)
    monkeypatch.setattr(suppliers, "LATENCY", 0)
    monkeypatch.setattr(jobs, "NEWSLETTER_PACE", 0)


@pytest.fixture
def customer():
    return Customer.objects.create(name="Ada Martin", email="ada@example.com")


@pytest.fixture
def lamp():
    return Product.objects.create(sku="LAMP", name="Brass lamp", price=Decimal("19.90"), stock=10)


@pytest.fixture
def order(customer, lamp):
    return place_order(customer, {lamp: 2})


@pytest.fixture
def form():
    return {"name": "Ada Martin", "email": "ada@example.com", "product": "LAMP", "pieces": 2}


class Desk:
    """Takes in what a job tells of itself."""

    cancelled = False

    def __init__(self):
        self.told, self.lines = {}, []

    def note(self, job, *, progress=None, line=None):
        self.told.update(progress or {})
        self.lines += [line] if line else []

    def is_cancelled(self, job):
        return self.cancelled


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def context(desk):
    """Return the context of a job that is run here and now."""
    claimed = Claimed(1, 1, "name", "[]", "{}", 1, 1, None, 0)
    return JobContext(claimed, None, 0, desk, lambda claimed: Job(pk=claimed.id))


def order_numbered(pk, customer):
    """Save an order whose number decides what the gateway does."""
    return Order.objects.create(pk=pk, customer=customer, total=Decimal("5.00"))


def enqueued():
    """Return the short names of all jobs, sorted."""
    names = Job.objects.values_list("name", flat=True)
    return sorted(name.rpartition(".")[2] for name in names)


class TestPages:
    def test_an_order_enqueues_its_jobs(self, client, lamp, form):
        response = client.post(reverse("shop:place"), form)

        order = Order.objects.get()
        assert response.url == order.get_absolute_url()
        assert order.total == Decimal("39.80")
        assert enqueued() == ["book_order", "charge_card", "send_receipt"]
        assert all(job.kwargs == {"order_id": order.pk} for job in Job.objects.all())

    def test_an_order_that_rolls_back_enqueues_nothing(self, customer, lamp):
        with transaction.atomic():
            place_order(customer, {lamp: 1})
            transaction.set_rollback(True)

        assert not Order.objects.exists()
        assert not Job.objects.exists()

    @pytest.mark.parametrize(
        "wrong", [{"product": "NONE"}, {"pieces": 0}, {"email": "ada"}, {"name": ""}]
    )
    def test_an_order_that_makes_no_sense_is_shown_again(self, client, lamp, form, wrong):
        response = client.post(reverse("shop:place"), form | wrong)

        assert response.status_code == 400
        assert response.context["form"].errors.keys() == wrong.keys()
        assert not Order.objects.exists()
        assert not Job.objects.exists()

    def test_an_order_without_a_csrf_token_is_refused(self, lamp, form):
        response = Client(enforce_csrf_checks=True).post(reverse("shop:place"), form)

        assert response.status_code == 403
        assert not Order.objects.exists()

    def test_the_front_page_lists_products_and_orders(self, client, order):
        page = client.get(reverse("shop:home")).content.decode()

        assert "Brass lamp" in page
        assert order.get_absolute_url() in page
        assert reverse("admin:index") in page

    def test_the_front_page_of_an_empty_shop_says_so(self, client):
        assert b"The shelves are empty" in client.get(reverse("shop:home")).content

    def test_an_orders_page_shows_how_far_its_jobs_are(self, client, order):
        before = client.get(order.get_absolute_url()).content.decode()
        jobs.send_receipt(order_id=order.pk)
        after = client.get(order.get_absolute_url()).content.decode()

        assert "Receipt: not yet" in before
        assert f"Receipt: R-{order.pk:06}" in after

    def test_the_admin_shows_the_rows_of_the_shop(self, admin_client, order):
        jobs.book_order(order_id=order.pk)
        Mailing.objects.create(newsletter=1, customer=order.customer)
        for model in (
            "customer", "product", "order", "booking", "receipt", "charge", "mailing",
            "staffnote", "salesreport",
        ):  # fmt: skip
            for page in ("changelist", "add"):
                url = reverse(f"admin:shop_{model}_{page}")
                assert admin_client.get(url).status_code == 200, url


class TestJobs:
    def test_a_receipt_is_mailed_once_however_often_its_job_runs(self, order, mailoutbox):
        for _ in range(2):
            jobs.send_receipt(order_id=order.pk)

        receipt = Receipt.objects.get()
        assert receipt.sent_to == "ada@example.com"
        assert [mail.subject for mail in mailoutbox] == [f"Your receipt {receipt.number}"]
        assert "2 x Brass lamp (LAMP), 19.90 each" in mailoutbox[0].body
        assert "Total: 39.80" in mailoutbox[0].body

    def test_a_receipt_that_cannot_be_mailed_is_not_written(self, order, monkeypatch):
        def fail(**mail):
            raise OSError("no mail today")

        monkeypatch.setattr(jobs, "send_mail", fail)

        with pytest.raises(OSError, match="no mail today"):
            jobs.send_receipt(order_id=order.pk)
        assert not Receipt.objects.exists()

    def test_a_booked_order_leaves_the_shelves_and_goes_to_the_warehouse(self, order, lamp):
        jobs.book_order(order_id=order.pk)

        lamp.refresh_from_db()
        assert lamp.stock == 8
        assert OrderLine.objects.get().reserved
        assert Booking.objects.get().amount == order.total
        assert enqueued().count("notify_warehouse") == 1

    def test_the_same_order_waits_to_be_booked_only_once(self, order):
        again = jobs.book_order.enqueue(order_id=order.pk)

        assert not again.created
        assert enqueued().count("book_order") == 1

    def test_a_card_is_charged_once_however_often_its_job_runs(self, customer):
        order = order_numbered(36, customer)

        for _ in range(2):
            jobs.charge_card(order_id=order.pk)

        order.refresh_from_db()
        assert order.status == Order.Status.PAID
        assert order.charges.get().accepted

    @pytest.mark.parametrize(("number", "refusals"), [(5, 1), (35, 2)])
    def test_a_busy_gateway_accepts_a_later_attempt(self, customer, number, refusals):
        order = order_numbered(number, customer)

        for _ in range(refusals):
            with pytest.raises(gateway.GatewayBusy):
                jobs.charge_card(order_id=order.pk)
        jobs.charge_card(order_id=order.pk)

        assert order.charges.filter(accepted=False).count() == refusals
        assert order.charges.filter(accepted=True).count() == 1

    def test_an_order_for_nothing_is_not_charged(self, customer):
        Order.objects.create(customer=customer, total=0)

        assert "charge_card" not in enqueued()

    def test_a_changed_order_enqueues_nothing_more(self, order):
        before = enqueued()
        order.save()

        assert enqueued() == before

    def test_the_warehouse_is_told_once(self, order):
        async_to_sync(jobs.notify_warehouse)(order_id=order.pk)
        packed_at = Order.objects.get().packed_at
        async_to_sync(jobs.notify_warehouse)(order_id=order.pk)

        assert packed_at is not None
        assert Order.objects.get().packed_at == packed_at

    def test_a_price_list_fans_out_one_job_for_each_row(self):
        assert jobs.import_products(rows=5) == 5

        assert enqueued() == ["import_product"] * 5
        first = Job.objects.order_by("pk")[0]
        assert first.kwargs["sku"] == "HOME-0001"

    def test_an_imported_product_keeps_the_stock_we_counted(self, lamp):
        jobs.import_product(sku="LAMP", name="Brass lamp, tall", price=Decimal("21.00"), stock=99)

        lamp.refresh_from_db()
        assert (lamp.name, lamp.price, lamp.stock) == ("Brass lamp, tall", Decimal("21.00"), 10)

    def test_a_new_product_comes_with_its_stock(self):
        jobs.import_product(sku="MAT", name="Wool mat", price=Decimal("9.90"), stock=7)

        assert Product.objects.get(sku="MAT").stock == 7

    def test_the_report_adds_up_one_day(self, customer):
        today = timezone.localdate()
        for total in (5, 7):
            Order.objects.create(customer=customer, total=total)
        late = Order.objects.create(customer=customer, total=100)
        Order.objects.filter(pk=late.pk).update(placed_at=late.placed_at - timedelta(days=2))

        for _ in range(2):
            jobs.nightly_report(day=today)

        report = SalesReport.objects.get()
        assert (report.day, report.orders, report.revenue) == (today, 2, Decimal(12))

    def test_the_report_of_a_day_without_orders_is_empty(self):
        jobs.nightly_report(day=timezone.localdate())

        assert SalesReport.objects.get().revenue == 0


class TestHardCases:
    def test_a_newsletter_goes_to_those_who_do_not_have_it(self, customer, context, mailoutbox):
        for _ in range(2):
            assert jobs.send_newsletter(context, "News") == 1

        Customer.objects.create(name="Elif Rossi", email="elif@example.com")
        jobs.send_newsletter(context, "News")

        assert [mail.to for mail in mailoutbox] == [["ada@example.com"], ["elif@example.com"]]

    def test_a_cancelled_newsletter_is_sent_to_nobody_else(
        self, customer, context, desk, mailoutbox
    ):
        desk.cancelled = True

        with pytest.raises(Cancel):
            jobs.send_newsletter(context, "News")
        assert not mailoutbox

    def test_a_forecast_tells_what_to_order(self, order, lamp, context, desk):
        Product.objects.filter(pk=lamp.pk).update(stock=1)

        found = jobs.forecast_demand(context, rounds=20)

        assert found["LAMP"] >= 1
        assert [line["message"] for line in desk.lines] == [
            f"LAMP Brass lamp: order {found['LAMP']}, there are 1"
        ]
        assert (desk.told["done"], desk.told["total"]) == (1, 1)

    def test_more_pieces_are_needed_of_what_sells_better(self):
        slow, fast = (forecast.pieces_needed(daily, 30, 50, Random(1)) for daily in (0.1, 2))

        assert 3 <= slow < 20
        assert 60 <= fast < 120

    def test_a_feed_is_read_by_its_lines(self):
        assert jobs.check_feed(supplier="Supplier 1") == 2
        assert suppliers.readable(["Chair", "Chair: 1", "A chair: 1.20"]) == ["A chair: 1.20"]

    def test_a_visit_says_from_when_to_when_it_took(self):
        visit = jobs.visit_supplier(supplier="Supplier 1")

        assert datetime.fromisoformat(visit["came"]) <= datetime.fromisoformat(visit["left"])

    def test_the_staff_is_told_of_a_feed_that_cannot_be_read(self):
        job = jobs.check_feed.enqueue(supplier="Careless & Sons")
        fault = Fault("JobTimeout", "it took too long", "")

        for function in (jobs.check_feed, jobs.visit_supplier):
            job_failed.send(sender=function, job=job, fault=fault)

        note = StaffNote.objects.get()
        assert (note.job, note.text) == (job.pk, "The feed of Careless & Sons: it took too long")


def test_the_price_list_is_what_its_script_writes(tmp_path):
    generate.write(tmp_path / "products.csv")

    assert (tmp_path / "products.csv").read_bytes() == generate.FILE.read_bytes()
    assert len(jobs.read_price_list("products.csv")) == 3000


def test_settings_without_a_database_say_what_to_do():
    result = subprocess.run(
        [sys.executable, "-c", "import testproject.settings"],
        cwd=settings.BASE_DIR,
        env={"PYTHONPATH": str(settings.BASE_DIR)},
        capture_output=True,
        text=True,
    )

    assert result.returncode == 1
    assert "ImproperlyConfigured: DATABASE_URL is not set" in result.stderr
    assert "./scripts/demo" in result.stderr
    assert "./scripts/test" in result.stderr
