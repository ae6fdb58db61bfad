"""The example that docs/trees.md works through by hand is what the code computes, step by step."""

import re
from pathlib import Path

from qdiffusion.circuits.trees.program.compilation import compile_words
from qdiffusion.circuits.trees.shape.layout import Layout
from qdiffusion.circuits.trees.shape.topology import Topology

PAGE = (Path(__file__).parent.parent / "docs" / "trees.md").read_text(encoding="utf-8")


def test_the_example_runs_and_takes_the_steps_it_lists():
    names: dict[str, object] = {}
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        exec(compile(block, "docs/trees.md", "exec"), names)
    steps = compile_words(Layout(Topology(names["tree"])), [((1, "Z"),)]).program.steps
    listed = re.findall(r"^\| ([\d, ]+) \| `(\w+)`", PAGE, re.MULTILINE)
    kinds = [(int(number), kind) for numbers, kind in listed for number in numbers.split(",")]
    assert kinds == [(2 + place, type(step).__name__) for place, step in enumerate(steps)]


def test_every_file_stands_in_the_table_of_rooms():
    package = Path(__file__).parent.parent / "src" / "qdiffusion" / "circuits" / "trees"
    files = {path.name for path in package.rglob("*.py")} - {"__init__.py"}
    table = PAGE[PAGE.index("## Rooms") : PAGE.index("Which contractions")]
    assert set(re.findall(r"`(\w+\.py)`", table)) == files
