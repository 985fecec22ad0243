"""A small shop that shows django_jobs at work, and the project its tests run in."""
