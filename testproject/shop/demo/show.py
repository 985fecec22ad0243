"""The demo from the first chapter to the last."""

import time
from datetime import datetime

from django.conf import settings
from django.utils import timezone

from testproject.shop.demo import admin_site, customers, missed, prepare, summary
from testproject.shop.demo.best_sellers import BestSellers
from testproject.shop.demo.clock import moment
from testproject.shop.demo.exports import GREEDY, MODEST, OTHERS, Exports
from testproject.shop.demo.hard_cases import HardCases
from testproject.shop.demo.invariants import invariants
from testproject.shop.demo.kill import Casualty, watch_rescue
from testproject.shop.demo.month_end import MonthEnd
from testproject.shop.demo.run import Run
from testproject.shop.demo.runjobs import arguments
from testproject.shop.demo.story import Story
from testproject.shop.demo.work import work_and_kill, work_off, work_on
from testproject.shop.jobs import import_products, nightly_report, read_price_list

#: How long all the work may take, in seconds.
TIMEOUT = 120


class Show:
    """One run of the demo, told to a story."""

    def __init__(self, story: Story, orders: int, products: int | None) -> None:
        self.story = story
        self.orders = orders
        self.products = products
        self.listed = read_price_list("products.csv")[:products]
        self.dead: Casualty | None = None
        self.hard: HardCases | None = None
        self.missed: datetime | None = None
        self.month_end: MonthEnd | None = None
        self.exports: Exports | None = None
        self.best_sellers: BestSellers | None = None

    def play(self) -> bool:
        """Play every chapter and return whether everything that must hold does."""
        self.prepare()
        self.run = Run.begin()
        self.enqueue()
        self.work()
        self.work_on_hard_cases()
        self.export()
        self.close_month()
        self.ask_for_best_sellers()
        self.summarize()
        return self.check()

    def prepare(self) -> None:
        """Migrate and put something on sale."""
        self.story.chapter("Preparing")
        prepare.migrate()
        self.story.say("The tables are migrated.")
        new = prepare.ensure_superuser()
        self.story.say(f"The superuser admin {'was created' if new else 'exists'}.")
        self.story.say(f"{prepare.fill_shelves():,} products are on the shelves.")

    def enqueue(self) -> None:
        """Ask for the import and the report, and let the customers order."""
        self.story.chapter("Enqueueing")
        began = time.monotonic()
        import_products.enqueue(rows=self.products)
        transactions = customers.place_orders(self.orders)
        seconds = time.monotonic() - began
        self.story.say(
            f"{self.orders:,} orders were placed in {transactions:,} transactions. Their "
            f"{self.run.jobs().count() - 1:,} jobs were"
        )
        self.story.say(f"committed with them, in {seconds:.1f} s together.")
        self.ask_for_report()
        self.sleep_through_a_tick()
        self.story.say(
            f"One job will fan out into {len(self.listed):,} more: the price list. Each order that"
        )
        self.story.say("is booked will make one more: the warehouse is told what to pack.")

    def ask_for_report(self) -> None:
        """Ask for the report of the day twice: its unique key lets one job in."""
        day = timezone.localdate()
        rows = {nightly_report.enqueue(day=day).pk for _ in range(2)}
        self.story.say(
            f"The sales report was asked for twice: its unique key let {len(rows)} job in."
        )

    def sleep_through_a_tick(self) -> None:
        """Let the schedule of the report be where it was before midnight, without any worker."""
        self.missed = missed.rewind()
        tick = timezone.localtime(self.missed)
        self.story.say(f"Its schedule was alone at {tick:%H:%M} of {tick:%d %B}: no worker ran.")

    def work(self) -> None:
        """Run the workers, and kill one."""
        self.story.chapter("Working, with a kill -9 in the middle")
        self.story.say(f"$ python manage.py {' '.join(arguments())}")
        # Each row of the price list becomes a job, and each order that is booked another.
        expected = self.run.jobs().count() + len(self.listed) + self.orders
        until = moment(TIMEOUT)
        code = work_and_kill(self.run, expected, until, self.bury)
        self.story.say(f"runjobs ended with exit code {code}.")
        work_off(self.run, until, self.tell_late)

    def bury(self, dead: Casualty) -> None:
        """Tell of the killed worker, and of the rescue of its jobs."""
        self.dead = dead
        self.story.killed(dead)
        seconds = watch_rescue(dead)
        if seconds is not None:
            self.story.interrupt(f"{seconds:.2f} s later they were taken back")

    def tell_late(self, left: int) -> None:
        """Tell that some retries were not due when the workers stopped."""
        self.story.say(f"{left:,} jobs wait for their next attempt: the workers are run again.")

    def work_on_hard_cases(self) -> None:
        """Run a job that is cancelled, one that gets stuck, a heavy one and some too many."""
        self.story.chapter("The unwanted, the stuck, the heavy and the too many")
        self.hard = HardCases.enqueue()
        self.story.say(
            "Enqueued: a newsletter that nobody wants; a feed that hangs whoever reads it"
        )
        self.story.say('(timeout=1); a forecast, seconds of arithmetic (executor="process"); and')
        self.story.say(f"visits to {len(self.hard.visits)} suppliers (max_running=2).")
        self.story.say(f"$ python manage.py {' '.join(arguments())}")
        code = work_on(self.hard, moment(TIMEOUT), self.story.interrupt)
        self.story.say(f"runjobs ended with exit code {code}.")

    def export(self) -> None:
        """Let one customer ask for much more than the others, who wait behind."""
        self.story.chapter("A limit for each customer")
        self.exports = Exports.enqueue()
        self.story.say(
            f"One customer asks for {GREEDY} parts of an export, then {OTHERS} others for {MODEST}"
        )
        self.story.say(
            "each. Of each one runs at a time (max_running_per_key=1), and they take turns."
        )
        work_off(self.run, moment(TIMEOUT), lambda left: None)

    def close_month(self) -> None:
        """Run a workflow: many jobs, and one that comes after all of them."""
        self.story.chapter("A workflow: the month is closed")
        self.month_end = MonthEnd.enqueue(self.run)
        self.story.say(
            f"{self.month_end.workflow.size - 1:,} jobs add up what each product has brought in; "
            f"one more comes"
        )
        self.story.say("after all of them, and is handed their results.")
        work_off(self.run, moment(TIMEOUT), lambda left: None)
        for told in self.month_end.told():
            self.story.say(told)

    def ask_for_best_sellers(self) -> None:
        """Run a job that is declared by Django's own @task, if there is that."""
        self.story.chapter("Django's own tasks")
        if not settings.HAS_TASKS:
            self.story.say("Django 5.2 has none, and the package django-tasks is not installed.")
            return
        self.best_sellers = BestSellers.enqueue(self.run)
        self.story.say("The best sellers are asked for by @task of django.tasks: one more job, and")
        self.story.say("the same workers.")
        work_off(self.run, moment(TIMEOUT), lambda left: None)
        self.story.say(self.best_sellers.told())

    def summarize(self) -> None:
        """Show the figures of the run."""
        self.story.chapter("What the jobs did")
        for line in summary.lines(self.run):
            self.story.say(line)

    def check(self) -> bool:
        """Check what must hold, and return whether it does."""
        self.story.chapter("What must hold")
        found = list(invariants(self.run, self.dead, self.listed, self.hard, self.missed))
        if self.month_end is not None:
            found += self.month_end.invariants()
        if self.exports is not None:
            found += self.exports.invariants()
        if self.best_sellers is not None:
            found += self.best_sellers.invariants()
        for invariant in found:
            self.story.result(invariant)
        return all(invariant.holds for invariant in found)

    def open_admin(self, port: int, serve: bool) -> None:
        """Serve the admin, or say how that is done."""
        self.story.chapter("The admin")
        if not serve:
            self.story.say("On a terminal the demo serves it. Elsewhere, with DATABASE_URL set:")
            self.story.say("python manage.py runserver --insecure")
        port = admin_site.free_port(port) if serve else port
        self.story.say(f"http://{admin_site.HOST}:{port}/admin/  (user admin, password admin)")
        self.story.say(f"http://{admin_site.HOST}:{port}/        (the shop)")
        if self.hard is not None:
            self.story.say("Worth a look:")
            sights = [*admin_site.sights(), *self.hard.sights()]
            sights += self.month_end.sights() if self.month_end is not None else ()
            width = max(len(page) for page, _ in sights)
            for page, sight in sights:
                self.story.say(f"http://{admin_site.HOST}:{port}{page:{width}}  {sight}")
        if serve:
            self.story.say("Ctrl-C ends it.")
            admin_site.serve(port)
