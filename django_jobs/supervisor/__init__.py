"""The parent of several workers, and how well they are."""
