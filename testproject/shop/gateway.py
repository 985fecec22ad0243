"""A stand-in for a payment provider: slow, sometimes busy, and exact about money."""

import time

from testproject.shop.models import Charge, Order

#: How long an answer takes, in seconds.
LATENCY = 0.04


class GatewayBusy(Exception):
    """The gateway could not answer now; the same call may succeed a little later."""


def charge(order: Order) -> Charge:
    """Charge an order, or raise GatewayBusy; an order charged before is not charged again."""
    time.sleep(LATENCY)
    if order.charges.filter(accepted=False).count() < refusals_due(order):
        order.charges.create(amount=order.total, accepted=False)
        raise GatewayBusy(f"Order {order.pk}: the card gateway is busy.")
    accepted, _ = Charge.objects.get_or_create(
        order=order, accepted=True, defaults={"amount": order.total}
    )
    return accepted


def refusals_due(order: Order) -> int:
    """Say how often this order is refused first: certain, so that tests can count on it."""
    if order.pk % 35 == 0:
        return 2
    return 1 if order.pk % 5 == 0 else 0
