from django.urls import path

from testproject.shop import views

app_name = "shop"
urlpatterns = [
    path("", views.home, name="home"),
    path("orders/", views.place, name="place"),
    path("orders/<int:pk>/", views.detail, name="order"),
]
