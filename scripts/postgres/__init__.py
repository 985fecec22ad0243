"""Run a PostgreSQL server for as long as a command needs it."""
