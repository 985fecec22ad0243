"""Settings of the example project, read from the environment."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import django
import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()

if not env.str("DATABASE_URL", default=""):
    raise ImproperlyConfigured(
        "DATABASE_URL is not set, so the example project has no PostgreSQL server to talk to. "
        "./scripts/demo and ./scripts/test start one of their own; for anything else set it "
        "yourself, for example DATABASE_URL=postgresql://user:password@localhost:5432/shop"
    )

DATABASES = {"default": env.db_url("DATABASE_URL")}
# As docs/databases.md has it behind pgbouncer.
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = env.bool("DATABASE_PROXIED", default=False)
if "DATABASE_POOL" in env:  # what psycopg's pool is given
    DATABASES["default"].setdefault("OPTIONS", {})["pool"] = env.json("DATABASE_POOL")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="only-for-the-demo-and-the-tests-of-this-project")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",  # the test app depot has columns of arrays
    "django_jobs",
    "testproject.shop",
    "testproject.ledger",
    "testproject.depot",
]

#: Whether there is `@task`: Django's own, or on Django 5.2 that of the package django-tasks.
HAS_TASKS = django.VERSION >= (6, 0) or find_spec("django_tasks") is not None
if HAS_TASKS and django.VERSION < (6, 0):
    INSTALLED_APPS.append("django_tasks")
TASKS: dict[str, Any] = {
    "default": {
        "BACKEND": "django_jobs.backend.JobsBackend",
        "OPTIONS": {"max_attempts": 3},
    },
}

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",  # the admin speaks the browser's language
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "testproject.csp.strict",
]

ROOT_URLCONF = "testproject.urls"
WSGI_APPLICATION = "testproject.wsgi.application"
ASGI_APPLICATION = "testproject.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

STATIC_URL = "static/"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "Europe/Paris"
USE_I18N = True
USE_TZ = True

SENT_MAIL_DIR = env.str("SENT_MAIL_DIR", default=str(BASE_DIR / "sent_mail"))
DEFAULT_FROM_EMAIL = "The shop <shop@example.com>"
if django.VERSION >= (6, 1):
    # From 6.1 on EMAIL_BACKEND warns, and warnings are errors in the tests.
    MAILERS = {
        "default": {
            "BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "OPTIONS": {"file_path": SENT_MAIL_DIR},
        }
    }
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = SENT_MAIL_DIR

# Only what the environment names is put in, so that everything else keeps the library's default.
_READERS: dict[str, Any] = {
    "HEARTBEAT_INTERVAL": env.float,
    "HEARTBEAT_TIMEOUT": env.float,
    "POLL_INTERVAL": env.float,
    "TIMEOUT_GRACE": env.float,
    "LISTEN": env.bool,
    "JOB_PROCESSES": env.int,
}
DJANGO_JOBS: dict[str, Any] = {
    name: read(f"DJANGO_JOBS_{name}")
    for name, read in _READERS.items()
    if f"DJANGO_JOBS_{name}" in env
}
