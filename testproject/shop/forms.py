"""The order form on the front page."""

from django import forms

from testproject.shop.models import Customer, Product


class OrderForm(forms.Form):
    name = forms.CharField(label="Your name", max_length=100)
    email = forms.EmailField(label="Your e-mail", max_length=254)
    # Typed, not picked: a list of thousands of products would be most of the page.
    product = forms.ModelChoiceField(
        Product.objects.all(), to_field_name="sku", label="SKU", widget=forms.TextInput
    )
    pieces = forms.IntegerField(min_value=1, max_value=100, initial=1)

    def customer(self) -> Customer:
        """Return the customer with this address, created if we do not know them."""
        customer, _ = Customer.objects.get_or_create(
            email=self.cleaned_data["email"], defaults={"name": self.cleaned_data["name"]}
        )
        return customer

    def basket(self) -> dict[Product, int]:
        """Return how many pieces of which product are ordered."""
        return {self.cleaned_data["product"]: self.cleaned_data["pieces"]}
