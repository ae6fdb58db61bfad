"""Expectation values as a list of contractions: compiled once, run and differentiated in every call."""
