"""`--stages.0.optimiser.kind adamw`: which member of a union a field holds, and which there are."""

import dataclasses
from collections.abc import Iterator, Sequence
from types import NoneType
from typing import Any, Literal, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

from qdiffusion.cli.words import closest
from qdiffusion.errors import UsageError

T = TypeVar("T")


class Choice(NamedTuple):
    """A field that holds one of several dataclasses: its path and the dataclasses by kind, None for nothing."""

    path: str
    now: str
    kinds: dict[str, type | None]


def switch_kinds(experiment: T, words: Sequence[str], prog: str) -> tuple[T, list[str]]:
    """Carry out every `--PATH.kind KIND` among the words, outer ones first.

    Returns:
        The experiment, where a field of another kind has that kind's defaults, and the words left.

    Raises:
        UsageError: a kind that there is not, or that a field cannot hold.
    """
    switches, rest = _split(words)
    for path, kind in sorted(switches, key=lambda switch: switch[0].count(".")):
        choices = {choice.path: choice for choice in list_choices(experiment)}
        if path not in choices:
            hint = closest(path, choices)
            raise UsageError(f"--{path}.kind names a field that has no kinds{hint}; see {prog} --help.")
        choice = choices[path]
        if kind not in choice.kinds:
            raise UsageError(f"--{path}.kind expects {' or '.join(choice.kinds)}, but {kind or 'nothing'} was given.")
        if kind != choice.now:
            made = choice.kinds[kind]
            experiment = _replaced(experiment, path.replace("-", "_").split("."), made and made())
    return experiment, rest


def list_choices(node: Any, prefix: str = "") -> Iterator[Choice]:
    """Every field of the experiment that could be of another kind."""
    hints = get_type_hints(type(node))
    for field in dataclasses.fields(node):
        value, path = getattr(node, field.name), prefix + field.name.replace("_", "-")
        kinds = dict(_kinds(hints[field.name]))
        if len(kinds) > 1:
            yield Choice(path, getattr(value, "kind", "None"), kinds)
        if dataclasses.is_dataclass(value):
            yield from list_choices(value, f"{path}.")
        elif isinstance(value, tuple):
            for index, part in enumerate(value):
                if dataclasses.is_dataclass(part):
                    yield from list_choices(part, f"{path}.{index}.")


def _kinds(hint: Any) -> Iterator[tuple[str, type | None]]:
    """The dataclasses of a union that say their kind; nothing where the hint is no such union."""
    members = get_args(hint)
    if not any(map(_is_kind, members)):
        return
    for member in members:
        if member is NoneType:
            yield "None", None
        elif get_args(member):
            yield from _kinds(member)
        else:
            yield get_args(get_type_hints(member)["kind"])[0], member


def _is_kind(member: Any) -> bool:
    if get_args(member):
        return any(map(_is_kind, get_args(member)))
    return dataclasses.is_dataclass(member) and get_origin(get_type_hints(member).get("kind")) is Literal


def _split(words: Sequence[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """The paths and kinds among the words, and the other words."""
    switches, rest = [], []
    remaining = iter(words)
    for word in remaining:
        flag, _, value = word.partition("=")
        if flag.startswith("--") and flag.endswith(".kind"):
            path = flag[2 : -len(".kind")].replace("_", "-")
            switches.append((path, value if "=" in word else next(remaining, "")))
        else:
            rest.append(word)
    return switches, rest


def _replaced(node: Any, path: list[str], value: Any) -> Any:
    """The dataclass or tuple with the value at the path replaced."""
    first, *others = path
    if isinstance(node, tuple):
        index = int(first)
        return (*node[:index], _replaced(node[index], others, value), *node[index + 1 :])
    return dataclasses.replace(node, **{first: _replaced(getattr(node, first), others, value) if others else value})
