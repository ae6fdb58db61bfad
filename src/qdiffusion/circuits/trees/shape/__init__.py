"""A tree of clusters, and what is known of it before any angle or word."""
