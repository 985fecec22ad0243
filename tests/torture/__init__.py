"""Worker processes that are killed, again and again, and an audit of what became of their jobs."""
