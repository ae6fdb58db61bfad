"""What is written from a folder of cells: all files, whole, the same whichever way the cells came to lie there."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plots_helpers import Page
from qdiffusion.errors import RunError
from qdiffusion.studies.cells import FOLDER, read_cells
from qdiffusion.studies.figures import grids_figure, score_figure
from qdiffusion.studies.page import write_tables
from qdiffusion.studies.spec import Claim
from runs_helpers import full_disk
from studies_toys import cell, mark, spec, study_of, write_cells

SPEC = spec(
    Claim("Hybrids are <better>.", ("hybrid",), ("plain",)),
    Claim("A | twin is not.", ("twin",), ("plain",), control=True),
)
STUDY = study_of(SPEC)
RECORDS = [
    *(cell("plain", seed, (80.0 + seed, 40.0 + seed)) for seed in range(3)),
    *(cell("hybrid", seed, (70.0 + seed, 30.0 + 1.1 * seed)) for seed in range(3)),
    cell("twin", 2, marks=(mark(20, 100, 41.0),)),
]
WRITTEN = {"table.md", "table.csv", "table.html", "verdicts.md", "fid.png", "grids.png", "index.html"}


def written(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}


def test_everything_is_written_and_says_what_the_cells_say(tmp_path: Path):
    write_cells(tmp_path, RECORDS)
    index = write_tables(tmp_path, STUDY)
    assert index == tmp_path / "index.html"
    assert set(written(tmp_path)) == WRITTEN
    page = Page(index.read_text())
    for text in (
        "7 of 9 cells are done",
        "Every cell was given the study's own budget.",
        "A toy | study <of> three",
        "Hybrids are <better>.",
        "Controls, our own",
        "A | twin is not.",
        "1 of 1",
        "no verdict",
        "45.25",
        "Measured with other features.",
        "digits",
    ):
        assert text in page.text
    pictures = [attributes["src"] for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) == 2
    assert all(source.startswith("data:image/png;base64,") for source in pictures)
    table = Page((tmp_path / "table.html").read_text())
    assert "HYBRID" in table.text
    assert "Bound" not in table.text


def test_the_order_of_files_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    ways = tmp_path / "there", tmp_path / "back"
    glob = Path.glob
    for out, records, turn in zip(ways, (RECORDS, RECORDS[::-1]), (False, True), strict=True):
        write_cells(out, records)
        monkeypatch.setattr(Path, "glob", lambda path, name, t=turn: iter(sorted(glob(path, name), reverse=t)))
        write_tables(out, STUDY)
    assert written(ways[0]) == written(ways[1])


def test_written_again_with_more_cells(tmp_path: Path):
    """Nothing of an unfinished table is left, nor a grid whose pictures are gone."""
    write_cells(tmp_path, RECORDS[:1])
    write_tables(tmp_path, STUDY)
    assert "no verdict" in (tmp_path / "verdicts.md").read_text()
    write_cells(tmp_path, RECORDS, grids=False)
    (tmp_path / FOLDER / "plain-seed0.png").unlink()
    write_tables(tmp_path, STUDY)
    assert set(written(tmp_path)) == WRITTEN - {"grids.png"}
    assert "| Hybrids are <better>. | holds | 1 of 1 |" in (tmp_path / "verdicts.md").read_text()


def test_planned_seeds_count_as_not_done(tmp_path: Path):
    write_cells(tmp_path, RECORDS[:2], grids=False)
    text = write_tables(tmp_path, STUDY, seeds=(0, 1, 2, 3)).read_text()
    assert "2 of 12 cells are done (3 columns × 4 seeds)." in text


def test_a_damaged_cell_leaves_the_old_table(tmp_path: Path):
    write_cells(tmp_path, RECORDS)
    write_tables(tmp_path, STUDY)
    before = written(tmp_path)
    (tmp_path / FOLDER / "hybrid-seed1.json").write_text("{")
    with pytest.raises(RunError, match="hybrid-seed1"):
        write_tables(tmp_path, STUDY)
    assert written(tmp_path) == before


def test_a_damaged_picture_is_named(tmp_path: Path):
    write_cells(tmp_path, RECORDS)
    path = tmp_path / FOLDER / "plain-seed0.png"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(RunError, match=r"plain-seed0\.png is no picture"):
        write_tables(tmp_path, STUDY)


@pytest.mark.parametrize(("fid", "scale"), [(41.0, "linear"), (4000.0, "log")])
def test_scores_far_apart_are_drawn_on_a_logarithmic_scale(tmp_path: Path, fid: float, scale: str):
    write_cells(tmp_path, [cell("plain", 0), cell("hybrid", 0, (2 * fid, fid))])
    _, *below = score_figure(read_cells(tmp_path, SPEC)).axes
    assert {axes.get_xscale() for axes in below} == {scale}


def test_cells_scored_once_are_not_said_to_be_drawn_along_the_training(tmp_path: Path):
    write_cells(tmp_path, [cell("plain", 0, marks=(mark(20, 100, 40.0),))])
    assert "along the training" not in Page(write_tables(tmp_path, STUDY).read_text()).text
    write_cells(tmp_path, [cell("plain", 0)])
    assert "along the training" in Page(write_tables(tmp_path, STUDY).read_text()).text


def test_a_full_disk_is_told_and_leaves_whole_files(tmp_path: Path):
    write_cells(tmp_path, RECORDS, grids=False)
    write_tables(tmp_path, STUDY)
    before = written(tmp_path)
    with full_disk(10_000), pytest.raises(RunError, match="Cannot write"):
        write_tables(tmp_path, STUDY)
    assert written(tmp_path) == before


def test_grids_are_the_first_seeds_pictures(tmp_path: Path):
    write_cells(tmp_path, RECORDS)
    panels = [axes for axes in grids_figure(tmp_path, read_cells(tmp_path, SPEC)).axes if axes.images]
    assert [axes.get_title() for axes in panels] == ["PLAIN, seed 0", "HYBRID, seed 0", "TWIN, seed 2"]
    for axes, name in zip(panels, ("plain-seed0", "hybrid-seed0", "twin-seed2"), strict=True):
        with Image.open(tmp_path / FOLDER / f"{name}.png") as picture:
            np.testing.assert_array_equal(axes.images[0].get_array(), np.asarray(picture))


def test_curves_are_means_of_seeds_and_every_column_looks_different(tmp_path: Path):
    write_cells(tmp_path, RECORDS, grids=False)
    figure = score_figure(read_cells(tmp_path, SPEC))
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    np.testing.assert_allclose(lines["PLAIN"].get_xydata(), [[10, 81], [20, 41]])
    np.testing.assert_allclose(lines["TWIN"].get_xydata(), [[20, 41]])
    names = tuple(f"c{index}" for index in range(12))
    twelve = tmp_path / "twelve"
    write_cells(twelve, [cell(name, 0) for name in names], grids=False)
    lines = score_figure(read_cells(twelve, spec(columns=names))).axes[0].lines
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 12


@pytest.mark.parametrize("fids", [(0.0, 0.0), (5.0, 5.0), (-1.0, 3.0), (4000.0, 2.0)])
def test_any_scores_can_be_drawn(tmp_path: Path, fids: tuple[float, float]):
    write_cells(tmp_path, [cell("plain", seed, [fid + 20 for fid in fids]) for seed in (0, 1)], grids=False)
    axes = score_figure(read_cells(tmp_path, SPEC)).axes[0]
    low, high = axes.get_ylim()
    assert low < min(fids) + 20 <= max(fids) + 20 < high


@pytest.mark.parametrize("ends", [(20.0, 30.0), (200.0, 260.0)])
def test_wide_intervals_do_not_flatten_the_curves(tmp_path: Path, ends: tuple[float, float]):
    """Two seeds 12.7 half-distances wide: the axis, logarithmic or not, shows the means."""
    write_cells(tmp_path, [cell("plain", seed, (300.0 + 90 * seed, end)) for seed, end in enumerate(ends)], grids=False)
    low, high = score_figure(read_cells(tmp_path, SPEC)).axes[0].get_ylim()
    means = 345.0, sum(ends) / 2
    assert min(means) / 2 < low < high < 2 * max(means)
