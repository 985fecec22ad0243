"""The demo: its figures, its invariants, and the whole of it against real workers."""

import io
import os
import re
import socket
import subprocess
import sys
from collections import Counter
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper
from django.utils import timezone

from django_jobs.models import Job
from django_jobs.orders import WorkerOptions
from django_jobs.worker.worker import Worker
from testproject.shop.demo import admin_site, customers, prepare, summary
from testproject.shop.demo.best_sellers import BestSellers
from testproject.shop.demo.hard_cases import HardCases
from testproject.shop.demo.invariants import Invariant, invariants
from testproject.shop.demo.kill import Casualty, kill_busiest
from testproject.shop.demo.month_end import MonthEnd
from testproject.shop.demo.run import Run
from testproject.shop.demo.show import Show
from testproject.shop.demo.story import Story
from testproject.shop.demo.table import table
from testproject.shop.jobs import import_product, notify_warehouse, read_price_list
from testproject.shop.models import (
    Booking,
    Charge,
    Customer,
    Mailing,
    Order,
    OrderLine,
    Product,
    Receipt,
    StaffNote,
)
from tests.databases import url_of_test_database


def write_job(name="testproject.shop.jobs.send_receipt", **fields):
    """Save a job that has succeeded, unless the fields say otherwise."""
    now = timezone.now()
    defaults = {
        "state": Job.State.SUCCEEDED,
        "attempts": 1,
        "enqueued_at": now,
        "scheduled_at": now,
        "started_at": now,
        "finished_at": now + timedelta(seconds=1),
    }
    return Job.objects.create(name=name, **(defaults | fields))


def broken(run, dead=None, listed=(), hard=None):
    """Return the sentences of the invariants that do not hold."""
    return [each.sentence for each in invariants(run, dead, list(listed), hard) if not each.holds]


class TestSummary:
    pytestmark = pytest.mark.django_db

    def test_waiting_starts_when_a_job_is_known_and_due(self):
        run, now = Run.begin(), timezone.now()
        for seconds in (1, 2, 3):
            write_job(
                enqueued_at=now, scheduled_at=now, started_at=now + timedelta(seconds=seconds)
            )
        write_job(
            name="later",
            enqueued_at=now - timedelta(hours=2),
            scheduled_at=now - timedelta(hours=1),
            started_at=now - timedelta(minutes=59),
        )

        later, receipts, total = summary.read(run)

        assert (later.p50, later.p95) == (60, 60)
        assert (receipts.p50, receipts.p95) == pytest.approx((2, 2.9))
        assert (total.name, total.jobs) == (None, 4)

    def test_it_counts_what_became_of_the_jobs(self):
        run = Run.begin()
        write_job()
        write_job(attempts=3)
        write_job(state=Job.State.FAILED, attempts=2)

        line = summary.read(run)[0]

        assert (line.jobs, line.succeeded, line.retried, line.failed) == (3, 2, 2, 1)

    def test_it_leaves_out_the_jobs_of_other_runs(self):
        write_job()
        run = Run.begin()
        write_job(name="mine")

        assert [line.name for line in summary.read(run)] == ["mine", None]

    def test_jobs_that_never_ran_have_no_figures(self):
        run = Run.begin()
        write_job(state=Job.State.READY, attempts=0, started_at=None, finished_at=None)

        *_, last = summary.lines(run)

        assert last.split() == ["all", "1", "0", "0", "0", "-", "-", "-"]

    def test_its_columns_are_aligned(self):
        lines = table(["job", "jobs"], [["short", "1,234"], ["a longer one", "5"]])

        assert lines == [
            "job            jobs",
            "------------  -----",
            "short         1,234",
            "a longer one      5",
        ]

    @pytest.mark.parametrize(
        ("seconds", "text"), [(None, "-"), (0.0126, "13 ms"), (1, "1.00 s"), (1234.5, "1,234.50 s")]
    )
    def test_waiting_times_are_written_for_people(self, seconds, text):
        assert summary.wait(seconds) == text


class TestInvariants:
    pytestmark = pytest.mark.django_db

    @pytest.fixture
    def order(self):
        customer = Customer.objects.create(name="Ada Martin", email="ada@example.com")
        self.run = Run.begin()
        return Order.objects.create(pk=35, customer=customer, total=5)

    def test_an_order_that_is_not_booked_is_found(self, order):
        assert "0 of 1 orders are booked exactly once: 5.00 ordered, 0 in the books" in broken(
            self.run
        )

    def test_an_order_that_is_booked_twice_is_found(self, order):
        for amount in (2, 3):
            Booking.objects.create(order=order, amount=amount)

        assert "0 of 1 orders are booked exactly once: 5.00 ordered, 5.00 in the books" in broken(
            self.run
        )

    def test_an_order_that_is_booked_once_is_not_found(self, order):
        Booking.objects.create(order=order, amount=5)

        assert not [sentence for sentence in broken(self.run) if "booked" in sentence]

    def test_pieces_that_left_the_shelves_twice_are_found(self, order):
        lamp = Product.objects.create(sku="LAMP", name="Brass lamp", price=5, stock=10)
        run = Run.begin()
        OrderLine.objects.create(order=order, product=lamp, quantity=1, unit_price=5)
        Booking.objects.create(order=order, amount=5)

        Product.objects.filter(pk=lamp.pk).update(stock=9)
        assert not [sentence for sentence in broken(run) if "shelves" in sentence]
        Product.objects.filter(pk=lamp.pk).update(stock=8)
        assert "1 pieces were sold, 2 have left the shelves" in broken(run)

    def test_a_warehouse_that_was_told_twice_is_found(self, order):
        Order.objects.update(packed_at=timezone.now())
        for _ in range(2):
            notify_warehouse.enqueue(order_id=order.pk)

        assert "1 of 1 orders are packed, by 2 jobs" in broken(self.run)

    def test_an_order_without_a_receipt_is_found(self, order):
        assert "1 orders have 0 receipts" in broken(self.run)

        Receipt.objects.create(order=order, number="R-35", sent_to="ada@example.com")
        assert "1 orders have 0 receipts" not in broken(self.run)

    def test_a_card_that_was_not_charged_is_found(self, order):
        assert "0 of 1 cards are charged, with 0 charges" in broken(self.run)

        Charge.objects.create(order=order, amount=5, accepted=True)
        assert not [sentence for sentence in broken(self.run) if "cards are charged" in sentence]

    def test_a_refusal_that_was_not_met_is_found(self, order):
        Charge.objects.create(order=order, amount=5, accepted=False)

        assert "1 of 2 refusals of the card gateway were met" in broken(self.run)

    def test_a_job_that_is_left_is_found(self):
        run = Run.begin()
        write_job(state=Job.State.READY, started_at=None, finished_at=None)

        assert "0 jobs have ended, 1 are left" in broken(run)

    @pytest.mark.parametrize("state", [Job.State.FAILED, Job.State.CANCELLED])
    def test_a_job_that_did_not_succeed_is_found(self, state):
        run = Run.begin()
        write_job(state=state)

        assert "1 jobs failed or were cancelled" in broken(run)

    def test_a_row_of_the_price_list_that_is_no_product_is_found(self):
        listed = read_price_list("products.csv")[:2]
        run = Run.begin()
        import_product(**listed[0])

        assert "1 of 2 rows of the price list are products" in broken(run, listed=listed)

    def test_a_product_of_an_earlier_run_does_not_count(self):
        listed = read_price_list("products.csv")[:1]
        import_product(**listed[0])
        run = Run.begin()

        assert "0 of 1 rows of the price list are products" in broken(run, listed=listed)

    def test_a_rescued_job_that_did_not_succeed_is_found(self):
        run = Run.begin()
        lost = write_job(state=Job.State.FAILED, claims=2)
        dead = Casualty(worker=1, pid=1, claims={lost.pk: 1}, names=Counter())

        sentence = next(sentence for sentence in broken(run, dead) if "killed worker" in sentence)

        assert "1 were taken back, 0 have succeeded" in sentence

    def test_a_demo_that_killed_nobody_shows_nothing(self):
        assert "no worker was killed: none was met with a job in hand" in broken(Run.begin())


class TestHardCases:
    pytestmark = pytest.mark.django_db

    @pytest.fixture
    def hard(self):
        Customer.objects.create(name="Ada Martin", email="ada@example.com")
        self.run = Run.begin()
        return HardCases.enqueue()

    def finish(self, job, state=Job.State.SUCCEEDED, **fields):
        Job.objects.filter(pk=job.pk).update(state=state, finished_at=timezone.now(), **fields)

    def test_they_may_fail_and_others_may_not(self, hard):
        self.finish(hard.newsletter, Job.State.CANCELLED)
        self.finish(hard.feed, Job.State.FAILED)
        found = "1 jobs failed or were cancelled, besides the two that were to"

        assert found not in broken(self.run, hard=hard)
        self.finish(hard.visits[0], Job.State.FAILED)
        assert found in broken(self.run, hard=hard)

    def test_a_newsletter_that_could_not_be_cancelled_is_found(self, hard):
        self.finish(hard.newsletter)

        found = "the newsletter had ended before it could be cancelled"
        assert found in broken(self.run, hard=hard)

    def test_a_newsletter_that_went_on_to_the_last_customer_is_found(self, hard):
        self.finish(hard.newsletter, Job.State.CANCELLED)
        hard.mailed_at_cancel = 0
        assert not [text for text in broken(self.run, hard=hard) if "newsletter" in text]

        Mailing.objects.create(newsletter=hard.newsletter.pk, customer=Customer.objects.get())
        found = "1 of 1 customers have the newsletter; when it was cancelled, 0 had"
        assert found in broken(self.run, hard=hard)

    def test_a_feed_that_did_not_time_out_is_found(self, hard):
        errors = [{"exception": "ValueError"}]
        self.finish(hard.feed, Job.State.FAILED, errors=errors)
        assert [text for text in broken(self.run, hard=hard) if "not given up" in text]

        errors = [{"exception": "django_jobs.exceptions.JobTimeout"}]
        self.finish(hard.feed, Job.State.FAILED, errors=errors)
        StaffNote.objects.create(job=hard.feed.pk, text="It took too long.")
        assert not [text for text in broken(self.run, hard=hard) if "feed" in text]

    @pytest.mark.parametrize(
        ("came", "most"), [([0, 1, 2, 3], 1), ([0, 0.5, 1, 1.5], 2), ([0, 0.4, 0.8, 1.2], 3)]
    )
    def test_visits_at_one_time_are_counted(self, hard, came, most):
        start = timezone.now()
        for job, seconds in zip(hard.visits, came, strict=False):
            times = [start + timedelta(seconds=each) for each in (seconds, seconds + 1)]
            self.finish(job, result=dict(zip(("came", "left"), map(str, times), strict=True)))

        assert hard.most_visits() == most
        assert any("at a time" in text for text in broken(self.run, hard=hard)) == (most > 2)

    def test_a_forecast_that_did_not_come_to_its_end_is_found(self, hard):
        told = {"done": 1, "total": 2}
        self.finish(hard.forecast, progress=told)
        assert [text for text in broken(self.run, hard=hard) if "1 of 2 products" in text]

        self.finish(hard.forecast, progress=told | {"done": 2}, log=[{}], result={"LAMP": 1})
        assert not [text for text in broken(self.run, hard=hard) if "forecast" in text]


class TestPieces:
    @pytest.mark.django_db
    def test_nobody_is_killed_when_no_worker_has_a_job(self):
        assert kill_busiest(Run.begin()) is None

    @pytest.mark.django_db
    def test_the_superuser_is_made_once(self, client):
        assert prepare.ensure_superuser()
        assert not prepare.ensure_superuser()
        assert client.login(username="admin", password="admin")

    @pytest.mark.django_db
    def test_orders_are_placed_in_a_few_transactions(self):
        prepare.fill_shelves()
        run = Run.begin()

        assert customers.place_orders(customers.BATCH + 1) == 2

        assert run.orders().count() == customers.BATCH + 1
        assert Job.objects.ready().count() == 3 * (customers.BATCH + 1)

    def test_a_taken_port_is_passed_over(self):
        with socket.socket() as taken:
            taken.bind((admin_site.HOST, 0))
            taken.listen()
            port = taken.getsockname()[1]

            assert not admin_site.is_free(port)
            assert admin_site.free_port(port) > port

    @pytest.mark.parametrize(("encoding", "mark"), [("utf-8", "✓"), ("ascii", "ok")])
    def test_a_stream_without_ticks_gets_words(self, encoding, mark):
        raw = io.BytesIO()
        out = io.TextIOWrapper(raw, encoding=encoding)

        Story(OutputWrapper(out)).result(Invariant("all is well", True))

        assert raw.getvalue().decode(encoding) == f"   {mark} all is well\n"

    @pytest.mark.parametrize("orders", ["0", "-1", "many", "1.5"])
    def test_an_absurd_number_of_orders_is_refused(self, orders):
        with pytest.raises(CommandError, match="not a whole number above zero"):
            call_command("demo", f"--orders={orders}")

    def test_a_broken_invariant_is_an_error(self, monkeypatch):
        monkeypatch.setattr(Show, "play", lambda show: False)

        with pytest.raises(CommandError, match="see the crosses above"):
            call_command("demo", stdout=io.StringIO())


@pytest.mark.django_db(transaction=True)
class TestMonthEnd:
    def test_the_month_is_closed_by_one_job_for_each_product_and_one_after_them(self):
        # Given some orders
        prepare.fill_shelves()
        run = Run.begin()
        customers.place_orders(5)
        # When the month is closed, and before that
        Job.objects.all().delete()
        month_end = MonthEnd.enqueue(run)
        assert [each.holds for each in month_end.invariants()] == [False]
        Worker(WorkerOptions(burst=True)).run()
        # Then it has the sum of all orders
        [invariant] = month_end.invariants()
        assert invariant.holds, invariant.sentence
        assert list(month_end.told())[-1] == "sum: succeeded"


@pytest.mark.django_db(transaction=True)
class TestBestSellers:
    @pytest.mark.skipif(not settings.HAS_TASKS, reason="neither Django's tasks nor django-tasks")
    def test_they_are_found_by_a_task_of_django(self):
        # Given some orders, and others before them
        prepare.fill_shelves()
        customers.place_orders(7)
        run = Run.begin()
        customers.place_orders(5)
        Job.objects.all().delete()
        # When they are asked for, and before a worker answers
        best_sellers = BestSellers.enqueue(run)
        assert [each.holds for each in best_sellers.invariants()] == [False]
        Worker(WorkerOptions(burst=True)).run()
        # Then they are those of the run
        [invariant] = best_sellers.invariants()
        assert invariant.holds, invariant.sentence
        assert best_sellers.told().startswith("Its result is SUCCESSFUL: [")
        assert Job.objects.get().name == "testproject.shop.tasks.best_sellers"

    def test_without_tasks_the_demo_goes_on(self, settings):
        settings.HAS_TASKS = False
        out = io.StringIO()

        Show(Story(OutputWrapper(out)), orders=1, products=None).ask_for_best_sellers()

        assert "the package django-tasks is not installed" in out.getvalue()
        assert not Job.objects.exists()


@pytest.fixture
def environment(transactional_db, tmp_path):
    """Return the environment of a process that works on the test database."""
    return os.environ | {"DATABASE_URL": url_of_test_database(), "SENT_MAIL_DIR": str(tmp_path)}


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, pytest.param(2, marks=pytest.mark.volume)])
def test_a_whole_demo_loses_nothing_and_can_be_repeated(environment, tmp_path, times):
    for run in range(1, times + 1):
        result = subprocess.run(
            [sys.executable, "manage.py", "demo", "--orders", "60", "--products", "300"],
            cwd=settings.BASE_DIR,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

        assert result.returncode == 0, result.stdout + result.stderr
        assert len(re.findall("✓|ok", result.stdout)) >= 15
        assert not re.findall("✗|NO ", result.stdout)
        assert "kill -9" in result.stdout
        assert "Its result is SUCCESSFUL: [" in result.stdout or not settings.HAS_TASKS
        assert "Traceback" not in result.stdout + result.stderr
        assert Receipt.objects.count() == run * 60
    assert list(tmp_path.iterdir())
