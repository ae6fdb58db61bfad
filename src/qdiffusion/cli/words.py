"""Small helpers for sentences."""

import difflib
from collections.abc import Iterable


def closest(word: str, choices: Iterable[str]) -> str:
    """`' (did you mean X?)'` for the choice most like the word, or nothing when none is like it."""
    matches = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.5)
    return f" (did you mean {matches[0]}?)" if matches else ""
