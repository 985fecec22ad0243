"""The pages of the shop."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from testproject.shop.checkout import place_order
from testproject.shop.forms import OrderForm
from testproject.shop.models import Order, Product


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show the products, the last orders and the order form."""
    return show_home(request, OrderForm())


@require_POST
def place(request: HttpRequest) -> HttpResponse:
    """Place an order. Its jobs come with it."""
    form = OrderForm(request.POST)
    if not form.is_valid():
        return show_home(request, form, status=400)
    return redirect(place_order(form.customer(), form.basket()))


@require_safe
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Show an order and how far its jobs have come."""
    orders = Order.objects.select_related("customer", "receipt").prefetch_related("lines__product")
    return render(request, "shop/order.html", {"order": get_object_or_404(orders, pk=pk)})


def show_home(request: HttpRequest, form: OrderForm, status: int = 200) -> HttpResponse:
    """Render the front page around an order form."""
    context = {
        "form": form,
        "products": Product.objects.all()[:20],
        "product_count": Product.objects.count(),
        "orders": Order.objects.select_related("customer", "receipt")[:20],
    }
    return render(request, "shop/home.html", context, status=status)
