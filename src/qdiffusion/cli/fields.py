"""Fields of an experiment as flags: `--data.name mnist --seed 3 --stages.0.steps 300` (tyro, from the dataclasses)."""

import contextlib
import dataclasses
import io
from collections.abc import Iterator, Sequence
from types import NoneType
from typing import Any, Literal, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

from qdiffusion.cli.kinds import list_choices, switch_kinds
from qdiffusion.cli.words import closest
from qdiffusion.errors import UsageError

T = TypeVar("T")


class _Leaf(NamedTuple):
    """A field that holds no dataclass."""

    kind: Any
    value: Any


def override(experiment: T, words: Sequence[str], prog: str) -> T:
    """The experiment with the fields given as flags replaced.

    Args:
        experiment: a nested dataclass of plain values.
        words: the flags and their values, `["--seed", "3"]`.
        prog: the command to name in messages.

    Raises:
        UsageError: an unknown field, a missing value or one of the wrong type.
    """
    experiment, words = switch_kinds(experiment, words, prog)
    if not words:
        return experiment
    try:
        changed, unknown = _parse(experiment, words, prog)
    except SystemExit as refusal:
        raise _explanation(refusal, experiment, words, prog) from None
    if unknown:
        raise UsageError(_unknown(unknown[0], experiment, prog))
    return changed


def print_help(experiment: object, prog: str) -> None:
    """Print every field of the experiment with its type, meaning and value, and the fields that have kinds."""
    with contextlib.suppress(SystemExit):
        _parse(experiment, ["--help"], prog)
    print("Kinds, each with fields of its own (give one before --help to see them):")
    for choice in list_choices(experiment):
        print(f"  --{choice.path}.kind {'|'.join(choice.kinds)} (default: {choice.now})")


def differences(before: object, after: object) -> list[str] | None:
    """The flags that turn one experiment into another; None when no flag can, since one has more stages."""
    try:
        return list(_differences(before, after, ""))
    except _NoFlagError:
        return None


class _NoFlagError(Exception):
    """What differs has no flag."""


def _differences(before: Any, after: Any, prefix: str) -> Iterator[str]:
    for field in dataclasses.fields(after):
        path = prefix + field.name
        yield from _difference(getattr(before, field.name), getattr(after, field.name), path)


def _difference(old: Any, new: Any, path: str) -> Iterator[str]:
    if _has_fields(new):
        if type(old) is not type(new):
            yield from (f"{_flag(path)}.kind", new.kind)
            old = type(new)()
        yield from _differences(old, new, f"{path}.")
    elif _has_fields(old):
        yield from (f"{_flag(path)}.kind", "None")
    elif isinstance(new, tuple) and any(map(_has_fields, new)):
        if len(old) != len(new):
            raise _NoFlagError
        for index, (earlier, later) in enumerate(zip(old, new, strict=True)):
            yield from _difference(earlier, later, f"{path}.{index}")
    elif old != new:
        yield from (_flag(path), *map(str, new if isinstance(new, tuple) else [new]))


def _has_fields(value: object) -> bool:
    return dataclasses.is_dataclass(value)


def _parse(experiment: T, words: Sequence[str], prog: str) -> tuple[T, list[str]]:
    """tyro's reading; what it refuses it draws in a box on stderr, which is silenced, and exits."""
    import tyro

    with contextlib.redirect_stderr(io.StringIO()):
        changed, unknown = tyro.cli(
            type(experiment),
            default=experiment,
            args=words,
            prog=prog,
            return_unknown_args=True,
            config=(tyro.conf.AvoidSubcommands, tyro.conf.FlagConversionOff),
        )
    return changed, unknown


def _explanation(refusal: SystemExit, experiment: object, words: Sequence[str], prog: str) -> UsageError:
    """One sentence for a refused command line: the field's own, or what its flag takes."""
    cause: BaseException | None = refusal
    while cause is not None:
        if isinstance(cause, UsageError):
            return cause
        cause = cause.__context__
    flag, *values = _culprit(experiment, words, prog)
    given = " ".join(values) or "nothing"
    return UsageError(f"{flag} expects {_types(experiment)[_plain(flag)]}, but {given} was given; see {prog} --help.")


def _culprit(experiment: object, words: Sequence[str], prog: str) -> list[str]:
    """The first flag, with its values, that is refused on its own."""
    for flag in _flags(words):
        try:
            _parse(experiment, flag, prog)
        except SystemExit:
            return flag
    raise AssertionError(f"refused together, accepted one at a time: {words}")


def _flags(words: Sequence[str]) -> Iterator[list[str]]:
    """Split `--a 1 --b=2 3` into `[--a, 1]` and `[--b, 2, 3]`."""
    flag: list[str] = []
    for word in words:
        if word.startswith("--"):
            if flag:
                yield flag
            flag = word.split("=", maxsplit=1)
        else:
            flag.append(word)
    yield flag


def _unknown(word: str, experiment: object, prog: str) -> str:
    if not word.startswith("-"):
        return f"Unknown argument {word!r}; see {prog} --help."
    hint = closest(_plain(word), _types(experiment))
    return f"Unknown field {word}{hint}; see {prog} --help for all of them."


def _plain(flag: str) -> str:
    return flag.split("=")[0].replace("_", "-")


def _types(experiment: object) -> dict[str, str]:
    """Every flag of the experiment with what it takes, `{"--seed": "an int"}`."""
    return {_flag(path): _name(leaf.kind) for path, leaf in _leaves(experiment)}


def _flag(path: str) -> str:
    return "--" + path.replace("_", "-")


def _leaves(node: Any, prefix: str = "") -> Iterator[tuple[str, _Leaf]]:
    hints = get_type_hints(type(node))
    for field in dataclasses.fields(node):
        value, path = getattr(node, field.name), prefix + field.name
        if dataclasses.is_dataclass(value):
            yield from _leaves(value, f"{path}.")
        elif isinstance(value, tuple) and any(map(dataclasses.is_dataclass, value)):
            for index, part in enumerate(value):
                yield from _leaves(part, f"{path}.{index}.")
        else:
            yield path, _Leaf(hints[field.name], value)


def _name(kind: Any) -> str:
    """A type in words: `int | None` → `int or None`."""
    if kind is NoneType:
        return "None"
    if kind is Ellipsis:
        return "…"
    if get_origin(kind) is Literal:
        return " or ".join(map(str, get_args(kind)))
    if get_origin(kind) is tuple:
        return " ".join(map(_name, get_args(kind)))
    if get_args(kind):
        return " or ".join(map(_name, get_args(kind)))
    return str(getattr(kind, "__name__", kind))
