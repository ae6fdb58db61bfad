"""Names that count on are told as one."""

import pytest

from qdiffusion.runs.names import named_spans, spans


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([], []),
        (["a"], ["a"]),
        ([f"steps.{step}" for step in range(20)], ["steps.0 … steps.19"]),
        (["steps.9.bank", "steps.10.bank", "steps.12.bank"], ["steps.9.bank … steps.10.bank", "steps.12.bank"]),
        (["s.0.a", "s.0.b", "s.1.a", "s.1.b", "t"], ["s.0.a … s.1.a", "s.0.b … s.1.b", "t"]),
        (["s.0.0", "s.0.1", "s.1.1"], ["s.0.0 … s.0.1", "s.1.1"]),
        (["s.1", "s.0"], ["s.1", "s.0"]),
        (["s1", "s2", "s.x", "s.y"], ["s1", "s2", "s.x", "s.y"]),
    ],
)
def test_names_that_count_on_are_one(names: list[str], told: list[str]) -> None:
    assert named_spans(names) == told


def test_every_place_is_in_one_span_of_its_kind() -> None:
    names, kinds = [f"steps.{step}" for step in range(6)], "aabbab"
    found = spans(names, kinds)
    assert sorted(place for _, places in found for place in places) == list(range(6))
    assert all(len({kinds[place] for place in places}) == 1 for _, places in found)
    assert [places for _, places in found] == [[0, 1], [2, 3], [4], [5]]
