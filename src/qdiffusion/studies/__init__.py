"""The papers' tables: many runs, resumable, with honest statistics and a verdict on every claim."""
