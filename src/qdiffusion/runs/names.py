"""Names of modules that count on, told as one: "steps.0 … steps.19"."""

from collections.abc import Hashable, Sequence


def spans(names: Sequence[str], kinds: Sequence[Hashable]) -> list[tuple[str, list[int]]]:
    """Names that are of one kind and count on in one of their numbers, as one, and the places where they stand.

    "steps.0.a", "steps.0.b", "steps.1.a" of one kind give ("steps.0.a … steps.1.a", [0, 2]) and ("steps.0.b", [1]):
    in the order of their first names.
    """
    found: list[list[int]] = []
    for place in range(len(names)):
        span = next((span for span in reversed(found) if _goes_on(span, place, names, kinds)), None)
        if span is None:
            found.append([place])
        else:
            span.append(place)
    return [(_named(names[span[0]], names[span[-1]]), span) for span in found]


def named_spans(names: Sequence[str]) -> list[str]:
    """Names of modules, those that count on as one."""
    return [name for name, _ in spans(names, [None] * len(names))]


def _goes_on(span: Sequence[int], place: int, names: Sequence[str], kinds: Sequence[Hashable]) -> bool:
    """Whether the name at `place` is one more than the last of a span, in the number that the span counts on in."""
    last = names[span[-1]]
    counted = _counted(last, names[place])
    in_step = len(span) == 1 or _counted(names[span[-2]], last) == counted
    return counted is not None and in_step and kinds[span[-1]] == kinds[place]


def _counted(before: str, after: str) -> int | None:
    """The place of the number, between dots, in which alone `after` is one more than `before`; None without one."""
    parts, others = before.split("."), after.split(".")
    if len(parts) != len(others):
        return None
    differing = [place for place, (part, other) in enumerate(zip(parts, others, strict=True)) if part != other]
    if len(differing) != 1:
        return None
    part, other = parts[differing[0]], others[differing[0]]
    return differing[0] if part.isdecimal() and other.isdecimal() and int(other) == int(part) + 1 else None


def _named(first: str, last: str) -> str:
    return first if first == last else f"{first} … {last}"
