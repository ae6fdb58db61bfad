"""Circuits compiled against observables: what is found in them and how each part is computed."""
