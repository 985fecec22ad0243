"""One worker: what it claims, where that runs, and what it writes down."""
