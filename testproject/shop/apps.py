from django.apps import AppConfig


class ShopConfig(AppConfig):
    name = "testproject.shop"
    label = "shop"

    def ready(self) -> None:
        """Connect the jobs that model events enqueue."""
        from testproject.shop import receivers  # noqa: F401
