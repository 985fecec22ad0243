"""How fast the library is, beside what bare psycopg does with the same rows in the same run."""
