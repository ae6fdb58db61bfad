"""Components as state vectors."""
