"""The dashboard: whether the queue is healthy, what is stuck and why, at a glance."""
