"""The demo: orders and an import on one side, two workers and a kill -9 on the other."""
