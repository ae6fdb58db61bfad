"""The errors a user can cause. Each message is one clear sentence: what was given, what was expected, what to do."""

import reprlib
from collections.abc import Mapping, Sequence
from typing import Any


class QDiffusionError(Exception):
    """A failure the user can act on; the command prints its sentence and exits with `exit_code`."""

    exit_code = 1


class UsageError(QDiffusionError, ValueError):
    """The request itself is wrong: an unknown name, a value of the wrong type, shape or range."""

    exit_code = 2


class DataError(QDiffusionError):
    """A data file is missing, truncated, corrupted or of an unknown format."""


class RunError(QDiffusionError):
    """A run folder or a checkpoint cannot be written, read or continued."""


class TrainingError(QDiffusionError):
    """Training cannot go on: the loss is not finite, say."""


def require(condition: bool, field: str, given: object, expected: str) -> None:
    """Raise UsageError unless a field of a configuration is what it must be: "steps is 0, but must be at least 1."."""
    if not condition:
        raise UsageError(f"{field} is {given}, but must be {expected}.")


def first_problem(errors: Sequence[Mapping[str, Any]]) -> str:
    """The first of pydantic's errors in words: "at seed: Input should be a valid integer, but 'x' was given"."""
    first = errors[0]
    place = ".".join(map(str, first["loc"])) or "the whole"
    message = first["msg"].removeprefix("Value error, ").rstrip(".")
    given = "" if first["type"] in ("missing", "value_error") else f", but {reprlib.repr(first['input'])} was given"
    return f"at {place}: {message}{given}"
