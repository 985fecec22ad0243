"""The rows of the shop."""

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.urls import reverse


class Customer(models.Model):
    name = models.CharField(max_length=100)
    email = models.EmailField(unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    sku = models.CharField("SKU", max_length=20, unique=True)
    name = models.CharField(max_length=100)
    price = models.DecimalField(max_digits=10, decimal_places=2, validators=[MinValueValidator(0)])
    # Below zero means that so many pieces are promised and have to be ordered.
    stock = models.IntegerField(default=0)
    imported_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["sku"]

    def __str__(self) -> str:
        return f"{self.sku} {self.name}"


class Order(models.Model):
    class Status(models.TextChoices):
        PLACED = "placed", "placed"
        PAID = "paid", "paid"

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="orders")
    status = models.CharField(max_length=10, choices=Status, default=Status.PLACED)
    placed_at = models.DateTimeField(auto_now_add=True, db_index=True)
    packed_at = models.DateTimeField(null=True, blank=True, editable=False)
    total = models.DecimalField(max_digits=12, decimal_places=2)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"Order {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("shop:order", args=[self.pk])


class OrderLine(models.Model):
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    unit_price = models.DecimalField(max_digits=10, decimal_places=2)
    reserved = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "product"], name="shop_line_once_per_product")
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.product}"


class Booking(models.Model):
    """An entry in the books: what an order brought in.

    Nothing here keeps an order from being booked twice: that each is booked once is for the job.
    """

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="bookings")
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    booked_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return f"{self.amount} for {self.order}"


class Receipt(models.Model):
    # One to one: however often the job runs, an order has one receipt.
    order = models.OneToOneField(Order, on_delete=models.CASCADE, related_name="receipt")
    number = models.CharField(max_length=20, unique=True)
    sent_to = models.EmailField()
    sent_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.number


class Charge(models.Model):
    """One call of the card gateway and its answer."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="charges")
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    accepted = models.BooleanField()
    called_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["order"],
                condition=models.Q(accepted=True),
                name="shop_charge_accepted_once_per_order",
            )
        ]

    def __str__(self) -> str:
        return f"{self.amount} {'accepted' if self.accepted else 'refused'}"


class Mailing(models.Model):
    """A newsletter that a customer was sent. The newsletter goes by the id of its job."""

    newsletter = models.BigIntegerField()
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="mailings")
    sent_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["newsletter", "customer"], name="shop_mailing_once_per_customer"
            )
        ]

    def __str__(self) -> str:
        return f"Newsletter {self.newsletter} to {self.customer}"


class StaffNote(models.Model):
    """Something that somebody has to look at."""

    text = models.TextField()
    #: The job it is about, by its id: notes are kept for longer than jobs.
    job = models.BigIntegerField()
    written_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.text


class SalesReport(models.Model):
    day = models.DateField(unique=True)
    orders = models.PositiveIntegerField()
    revenue = models.DecimalField(max_digits=14, decimal_places=2)
    written_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-day"]

    def __str__(self) -> str:
        return f"Sales of {self.day}"
