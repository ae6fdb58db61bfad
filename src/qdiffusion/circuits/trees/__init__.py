"""Components as trees of clusters joined by bonds."""
