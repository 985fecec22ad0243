"""The shop in the admin."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin

from testproject.shop.models import (
    Booking,
    Charge,
    Customer,
    Mailing,
    Order,
    OrderLine,
    Product,
    Receipt,
    SalesReport,
    StaffNote,
)

if TYPE_CHECKING:
    # The classes take a type only while types are checked.
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
else:
    ModelAdmin, TabularInline = admin.ModelAdmin, admin.TabularInline


class OrderLineInline(TabularInline):
    model = OrderLine
    autocomplete_fields = ["product"]
    extra = 0


@admin.register(Customer)
class CustomerAdmin(ModelAdmin):
    list_display = ["name", "email"]
    search_fields = ["name", "email"]


@admin.register(Product)
class ProductAdmin(ModelAdmin):
    list_display = ["sku", "name", "price", "stock", "imported_at"]
    search_fields = ["sku", "name"]


@admin.register(Order)
class OrderAdmin(ModelAdmin):
    list_display = ["pk", "customer", "status", "total", "placed_at", "packed_at"]
    list_filter = ["status", "placed_at"]
    list_select_related = ["customer"]
    search_fields = ["customer__name", "customer__email"]
    autocomplete_fields = ["customer"]
    inlines = [OrderLineInline]


@admin.register(Receipt)
class ReceiptAdmin(ModelAdmin):
    list_display = ["number", "order", "sent_to", "sent_at"]
    search_fields = ["number", "sent_to"]
    raw_id_fields = ["order"]


@admin.register(Charge)
class ChargeAdmin(ModelAdmin):
    list_display = ["order", "amount", "accepted", "called_at"]
    list_filter = ["accepted"]
    raw_id_fields = ["order"]


@admin.register(Booking)
class BookingAdmin(ModelAdmin):
    list_display = ["order", "amount", "booked_at"]
    raw_id_fields = ["order"]


@admin.register(Mailing)
class MailingAdmin(ModelAdmin):
    list_display = ["newsletter", "customer", "sent_at"]
    list_select_related = ["customer"]
    raw_id_fields = ["customer"]


@admin.register(StaffNote)
class StaffNoteAdmin(ModelAdmin):
    list_display = ["text", "job", "written_at"]


@admin.register(SalesReport)
class SalesReportAdmin(ModelAdmin):
    list_display = ["day", "orders", "revenue", "written_at"]
    date_hierarchy = "day"
