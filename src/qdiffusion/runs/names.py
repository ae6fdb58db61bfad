"""Names of modules that count on, told as one: "steps.0 … steps.19"."""

from collections.abc import Hashable, Sequence


def spans(names: Sequence[str], kinds: Sequence[Hashable]) -> list[list[int]]:
    """Places of the names, those together that are of one kind and count on in one of their numbers.

    "steps.0.a", "steps.0.b", "steps.1.a" gives [0, 2], [1]. Spans stand in the order of their first names.
    """
    found: list[list[int]] = []
    for place, name in enumerate(names):
        for span in reversed(found):
            before = names[span[-1]]
            counts = _counted(before, name)
            if (
                kinds[span[-1]] == kinds[place]
                and counts is not None
                and (len(span) == 1 or counts == _counted(names[span[-2]], before))
            ):
                span.append(place)
                break
        else:
            found.append([place])
    return found


def span_name(names: Sequence[str]) -> str:
    """The first name and the last of a span."""
    return names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}"


def named_spans(names: Sequence[str]) -> list[str]:
    """Names of modules, those that count on as one."""
    return [span_name([names[place] for place in span]) for span in spans(names, [None] * len(names))]


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
