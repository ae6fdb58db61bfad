"""Expectation values as a list of contractions: found once, run and differentiated in every call."""
