"""The services that keep the table honest. Every worker runs them all; each is safe to run
anywhere, any number of times at once."""

from django_jobs.services.ager import Ager
from django_jobs.services.base import Service, Services
from django_jobs.services.expirer import Expirer
from django_jobs.services.historian import Historian
from django_jobs.services.promoter import Promoter
from django_jobs.services.pruner import Pruner
from django_jobs.services.reporter import Reporter
from django_jobs.services.rescuer import Rescuer
from django_jobs.services.scheduler import Scheduler
from django_jobs.services.settler import Settler

__all__ = [
    "Ager",
    "Expirer",
    "Historian",
    "Promoter",
    "Pruner",
    "Reporter",
    "Rescuer",
    "Scheduler",
    "Service",
    "Services",
    "Settler",
]
