"""Studies beyond FID: scores that no network gives, rows that nobody trains, claims about both, budgets of chains."""

import csv
import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from PIL import Image

from plots_helpers import Page
from qdiffusion.errors import UsageError
from qdiffusion.studies.budget import Budget
from qdiffusion.studies.cells import FOLDER, Cells, strip_name
from qdiffusion.studies.figures import score_figure
from qdiffusion.studies.page import write_tables
from qdiffusion.studies.records import CellRecord, Mark, Score, read_record
from qdiffusion.studies.spec import REAL, Claim, Reference, StudySpec
from qdiffusion.studies.table import Table, earlier, final, to_csv
from qdiffusion.studies.verdict_tables import to_markdown
from qdiffusion.studies.verdicts import Verdict, judge
from studies_toys import NETWORK, cell, spec, study_of, write_cells

IDENTITY = {0: 0.09, 1: 0.10}
"""By seed."""


def study(*claims: Claim) -> StudySpec:
    """Denoisers by infidelity, `other` on data of its own."""
    references = (
        REAL,
        Reference("identity", "Identity", "identity", ("plain", "hybrid"), drawn=True),
        Reference("identity-other", "Identity, other data", "identity", ("other",)),
    )
    return replace(
        spec(columns=("plain", "hybrid", "other")),
        claims=claims,
        scores=("infidelity", "fid"),
        last=("infidelity-t0",),
        references=references,
        reading=("Infidelity: the less, the better.",),
    )


def record(column: str, seed: int, infidelity: float, identity: float | None = None) -> CellRecord:
    """Marks at half of the training, twice as bad, and at its end."""
    free = {"identity": IDENTITY[seed] if identity is None else identity}

    def mark(epoch: float, value: float) -> Mark:
        scores = {
            f"fid-{NETWORK}": Score(400 * value, None, 1.25, "lower"),
            "infidelity": Score(value, None, None, "lower", free),
            "infidelity-t0": Score(value / 2, 0.01, None, "lower", free),
            "depth": Score(3.0, None, None, "lower"),
        }
        return Mark(epoch, int(10 * epoch), scores)

    return cell(column, seed, marks=(mark(10, 2 * infidelity), mark(20, infidelity)))


def found(*claims: Claim) -> Cells:
    records = [record(column, seed, 0.03 + 0.01 * i) for i, column in enumerate(("plain", "hybrid")) for seed in (0, 1)]
    others = [record("other", seed, 0.5, identity=0.2 + 0.1 * seed) for seed in (0, 1)]
    return Cells(study(*claims), (*records, *others), (0, 1))


def row(table: Table | None, label: str) -> list[str]:
    assert table is not None
    return next(texts for name, *texts in table.rows if name == label)


def test_the_table_shows_the_scores_that_the_study_names() -> None:
    last, before = final(found()), earlier(found())
    assert [names for _, names in last.groups[1:]] == [["Infidelity ↓", "FID ↓"], ["Infidelity t0 ↓"]]
    assert row(last, "PLAIN")[4:] == ["0.03", "12", "0.015"]
    assert row(before, "PLAIN") == ["0.06", "24"]


def test_references_are_rows_of_what_stands_beside_the_cells_they_are_of() -> None:
    """The mean over a seed's cells, then over seeds; columns on other data do not count."""
    half, score = found().estimate("identity", 0, "infidelity"), found().estimate("identity-other", -1, "infidelity")
    assert half is not None
    assert score is not None
    assert (half.mean, half.n) == (pytest.approx(0.095), 2)
    assert score.mean == pytest.approx(0.25)
    assert row(final(found()), "Real images")[5:] == ["1.25", "–"]
    assert row(earlier(found()), "Real images") == ["–", "1.25"]
    assert row(final(found()), "Identity")[:4] == ["–"] * 4
    assert found().values("identity", -1, f"fid-{NETWORK}") == {}


@pytest.mark.parametrize(
    ("columns", "baselines", "expected"),
    [
        (("plain",), ("identity",), Verdict.HOLDS),
        (("other",), ("identity-other",), Verdict.UNDECIDED),
        (("identity",), (0.25,), Verdict.HOLDS),
        (("plain",), (0.02,), Verdict.FAILS),
        (("identity",), ("plain",), Verdict.FAILS),
    ],
)
def test_claims_are_about_columns_references_and_printed_numbers(columns, baselines, expected) -> None:
    """The toys' infidelities are equal for both seeds, the identity's are not."""
    claim = Claim("", columns, baselines, scores=("infidelity",))
    judged = judge(found(claim), [claim])[0]
    assert judged.verdict is expected
    assert f"| {found(claim).study.label(baselines[0])} |" in to_markdown(found(claim), [judged])


def test_a_claim_by_many_scores_is_judged_by_each() -> None:
    claim = Claim("At every level.", ("plain",), ("identity", 0.02), scores=("infidelity", "infidelity-t0"))
    judged = judge(found(claim), [claim])[0]
    pairs = [(pair.score, pair.baseline, pair.verdict) for pair in judged.comparisons]
    assert pairs == [
        ("infidelity", "identity", Verdict.HOLDS),
        ("infidelity", 0.02, Verdict.FAILS),
        ("infidelity-t0", "identity", Verdict.HOLDS),
        ("infidelity-t0", 0.02, Verdict.HOLDS),
    ]
    assert judged.verdict is Verdict.FAILS
    text = to_markdown(found(claim), [judged])
    assert "Infidelity ↓, Infidelity t0 ↓ after all" in text
    assert "| Infidelity t0 ↓ | PLAIN | 0.02 |" in text


def test_csv_holds_what_stands_beside_and_nothing_where_nothing_does() -> None:
    lines = list(csv.DictReader(StringIO(to_csv(found()))))
    assert [float(line["infidelity-identity"]) for line in lines[:4]] == [0.09, 0.09, 0.1, 0.1]
    plain = Cells(spec(), (cell("plain", 0),), (0,))
    assert not [head for head in csv.DictReader(StringIO(to_csv(plain))).fieldnames or () if head.endswith("identity")]


def test_cells_without_the_first_score_have_a_page(tmp_path: Path) -> None:
    write_cells(tmp_path, [cell("plain", 0)], grids=False)
    assert "PLAIN" in write_tables(tmp_path, study_of(study())).read_text()


def test_the_figure_draws_the_first_score_and_the_references_that_are_lines() -> None:
    above, *below = score_figure(found()).axes
    lines = {line.get_label(): line.get_ydata() for line in above.lines}
    assert list(lines["PLAIN"]) == pytest.approx([0.06, 0.03])
    assert list(lines["Identity"]) == pytest.approx([0.095, 0.095])
    assert not {"Real images", "Identity, other data"} & lines.keys()
    assert {axes.get_xlabel() for axes in below} == {"Infidelity"}
    low, high = above.get_ylim()
    assert low < 0.03 < 1.0 < high


def test_the_page_has_the_figure_of_the_first_score_and_one_forward_strip(tmp_path: Path) -> None:
    write_cells(tmp_path, found().records)
    index = write_tables(tmp_path, study_of(study()))
    assert (tmp_path / "infidelity.png").exists()
    assert not (tmp_path / "fid.png").exists()
    page = Page(index.read_text())
    assert "Infidelity: the less, the better." in page.text
    assert "Forward process" not in page.text
    Image.new("L", (90, 40)).save(tmp_path / FOLDER / f"{strip_name('hybrid', 1)}.png")
    again = Page(write_tables(tmp_path, study_of(study())).read_text())
    assert "Forward process" in again.text
    pictures = [[tag for tag, _ in each.tags].count("img") for each in (page, again)]
    assert pictures[1] == pictures[0] + 1


def test_cells_of_before_have_nothing_beside(tmp_path: Path) -> None:
    """Records without the field are read as those that have it empty."""
    write_cells(tmp_path, [cell("plain", 0)], grids=False)
    path = tmp_path / FOLDER / "plain-seed0.json"
    saved = json.loads(path.read_text())
    for mark in saved["marks"]:
        for score in mark["scores"].values():
            del score["beside"]
    path.write_text(json.dumps(saved))
    assert read_record(path) == cell("plain", 0)


def test_a_chain_has_no_sampler_to_choose() -> None:
    chain = Budget(epochs=100, sampler=None, sampling_steps=None)
    assert chain.to_dict().keys() == {"epochs", "train_size", "batch_size", "samples"}
    assert chain.changed("toy", epochs=3, sampler=None).epochs == 3
    with pytest.raises(UsageError, match="The study toy draws its samples level by level and has no sampling_steps"):
        chain.changed("toy", sampling_steps=5)
    with pytest.raises(UsageError, match="sampler is ddim"):
        Budget(sampling_steps=None)


@pytest.mark.parametrize(
    ("references", "said"),
    [
        ((Reference("plain", "", "identity"),), "no column and no other reference"),
        ((REAL, REAL), "no column and no other reference"),
        ((Reference("identity", "", "identity", ("none",)),), "none"),
    ],
)
def test_references_that_cannot_be_are_refused(references, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        replace(spec(), references=references)
