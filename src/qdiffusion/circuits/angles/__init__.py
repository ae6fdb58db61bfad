"""Angles to matrices and product states: many gates, circuits and samples at once."""
