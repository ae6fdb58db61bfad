"""The table: every number of the cells, what is missing, and under which conditions."""

import csv
from dataclasses import replace
from io import StringIO

import pytest

from qdiffusion.studies.budget import Budget
from qdiffusion.studies.cells import Cells
from qdiffusion.studies.conditions import budget_told, conditions
from qdiffusion.studies.records import CellRecord
from qdiffusion.studies.spec import Moment
from qdiffusion.studies.statistics import Estimate, paired_difference
from qdiffusion.studies.table import Table, earlier, final, to_csv, to_markdown
from qdiffusion.studies.texts import difference_texts, estimate_text, number
from studies_toys import NETWORK, cell, cells, mark, spec, study_of


def test_csv_reread_equals_the_records():
    records = (cell("plain", 0, (80.1 / 3, 40.7 / 7)), cell("hybrid", 12, (2 / 3,)))
    lines = iter(csv.DictReader(StringIO(to_csv(Cells(spec(), records, (0,))))))
    for record in records:
        for at in record.marks:
            line = next(lines)
            for field in ("study", "column", "samples_sha256"):
                assert line[field] == getattr(record, field)
            for field in ("seed", "parameters", "dead"):
                assert int(line[field]) == getattr(record, field)
            for field in ("training_seconds", "sampling_seconds"):
                assert float(line[field]) == getattr(record, field)
            assert (float(line["epoch"]), int(line["step"])) == (at.epoch, at.step)
            for name, score in at.scores.items():
                read = [line[name], line[f"{name}-std"], line[f"{name}-floor"]]
                assert [float(x) if x else None for x in read] == [score.value, score.std, score.floor]
    assert next(lines, None) is None


def row(table: Table | None, label: str) -> dict[str, str]:
    """Texts of a row by head."""
    assert table is not None
    texts = next(texts for name, *texts in table.rows if name == label)
    return dict(zip((name for _, names in table.groups for name in names), texts, strict=True))


def test_a_row_says_what_its_cells_say():
    found = Cells(spec(), (cell("plain", 0, (80.0, 40.0)), cell("plain", 1, (82.0, 42.0))), (0, 1))
    plain = row(final(found), "PLAIN")
    assert plain["FID ↓"] == "41 ± 13"  # of two values two apart: ± 12.71
    assert row(earlier(found), "PLAIN")["FID ↓"] == "81 ± 13"
    assert plain["Parameters"] == "483,321"
    assert plain["Dead"] == "24"
    assert plain["Seeds"] == "2"
    assert plain["Minutes"] == "1.51 ± 0.11"  # 90 s and 91 s
    assert row(final(found), "Real images")["FID ↓"] == row(earlier(found), "Real images")["FID ↓"] == "1.25"


def test_classifier_scores_stand_at_the_end_of_the_training_only():
    last, before = final(found := cells(spec(), {"plain": (40.0,)})), earlier(found)
    assert before is not None
    assert [(title, len(names)) for title, names in before.groups] == [("half, epoch 10", 3)]
    assert [(title, len(names)) for title, names in last.groups[1:]] == [("all, epoch 20", 3), ("further scores", 1)]
    assert "Balance ↑" in row(last, "PLAIN")


def test_a_study_of_one_moment_has_no_table_of_earlier_ones():
    found = Cells(replace(spec(), moments=(Moment(1, "all"),)), (cell("plain", 0),), (0,))
    assert earlier(found) is None
    assert "Along the training" not in to_markdown(found, "", [])


def test_what_is_missing_is_a_dash():
    record = cell("hybrid", 0, marks=(mark(20, 100, 40.0),))
    found = Cells(spec(), (cell("plain", 0), record), (0,))
    assert [row(table, "HYBRID")["FID ↓"] for table in (earlier(found), final(found))] == ["–", "40"]
    twin = row(final(found), "TWIN")
    assert twin.pop("Seeds") == "0"
    assert {*twin.values(), *row(earlier(found), "TWIN").values()} == {"–"}


def test_markdown_is_a_table_of_equal_rows():
    found = cells(spec(columns=("plain", "a|b")), {"plain": (40.0,)})
    text = to_markdown(found, "Told.", conditions(found))
    table = [line for line in text.splitlines() if line.startswith("| ")]
    lengths = [line.replace("\\|", "").count("|") for line in table[: 2 + len(final(found).rows)]]
    assert len(set(lengths)) == 1
    assert f"{found.progress} Told." in text


def told(*records: CellRecord) -> dict[str, str]:
    return dict(conditions(Cells(spec(), records, (0,))))


def test_equal_conditions_are_said_once():
    assert told(cell("plain", 0), cell("plain", 7), cell("twin", 0)) == {
        "seeds": "0, 7",
        "data": "digits",
        "epochs": "20",
        "threads": "2",
        "versions.torch": "2.11",
    }


def test_differing_conditions_name_their_cells():
    found = told(cell("plain", 0), cell("twin", 0), cell("twin", 1, environment={"threads": 4}))
    assert (found["threads"], found["threads of TWIN (seed 1)"]) == ("2", "4")
    assert (found["versions.torch"], found["versions.torch of TWIN (seed 1)"]) == ("2.11", "not stated")
    columns = [cell("plain", seed, environment={"threads": 4}) for seed in range(2)]
    found = told(*columns, *(cell("twin", seed) for seed in range(3)))
    assert (found["threads"], found["threads of PLAIN"]) == ("2", "4")
    dates = told(*(cell("plain", seed, environment={"date": f"2026-11-0{seed}"}) for seed in (2, 1, 3)))
    assert dates["date"] == "differs in every cell, from 2026-11-01 to 2026-11-03"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ([{"epochs": 20, "train_size": 60_000}], "Every cell was given the study's own budget."),
        (
            [{"epochs": 20, "samples": 7000}, {"epochs": 3, "samples": 500}],
            "Not the study's own budget, which stands in brackets: 3 epochs (20), 500 samples (7,000).",
        ),
        (
            [{"epochs": 3}, {"epochs": 40, "sampling_steps": 15}],
            "Not the study's own budget, which stands in brackets: 3 to 40 epochs (20), 15 sampling steps (50).",
        ),
        ([{"sampler": "dpmpp"}], "Not the study's own budget, which stands in brackets: sampler dpmpp (ddim)."),
    ],
)
def test_another_budget_than_the_studys_own_is_told_with_it(given, text):
    records = tuple(cell("plain", seed, conditions=conditions) for seed, conditions in enumerate(given))
    assert budget_told(study_of(spec()), Cells(spec(), records, (0,))) == text


def test_a_sampler_where_the_study_leaves_no_choice_is_told():
    chain = replace(study_of(spec()), budget=Budget(sampler=None, sampling_steps=None))
    found = Cells(spec(), (cell("plain", 0, conditions={"sampler": "ddim"}),), (0,))
    assert budget_told(chain, found).endswith("sampler ddim (not stated).")


@pytest.mark.parametrize(
    ("mean", "half_width", "text"),
    [
        (45.2762, None, "45.28"),
        (45.2762, 0.3141, "45.28 ± 0.31"),
        (45.2762, 127.06, "45 ± 127"),
        (0.05231, 0.00149, "0.0523 ± 0.0015"),
        (12.0, 0.0, "12"),
        (123456.0, None, "123456"),
        (0.9979710178, 8.8e-17, "0.998"),
    ],
)
def test_digits_end_where_the_interval_does(mean, half_width, text):
    assert estimate_text(Estimate(mean, half_width, 3)) == text


def test_numbers_without_a_value():
    assert estimate_text(None) == "–"
    assert number(0.0) == "0"
    assert difference_texts(None) == ["–", "–", "–", "–", "0"]


def test_a_difference_shows_its_sign_its_interval_and_its_test():
    single = paired_difference({0: 41.0}, {0: 44.0})
    assert difference_texts(single) == ["−3.00", "–", "0", "–", "1"]
    found = paired_difference({0: 1.0, 1: 3.0}, {0: 0.0, 1: 0.0}, 1.0)
    assert difference_texts(found) == ["+2.0", "−10.7 … +14.7", "+1.0", "0.5", "2"]
    assert difference_texts(paired_difference({0: 1.0, 1: 3.0}, {0: 0.0, 1: 2.0}))[3] == "< 0.0001"


def test_scores_of_another_network_are_no_kinds():
    scores = {**mark(20, 1, 3.0).scores, "depth": next(iter(mark(20, 1, 3.0).scores.values()))}
    record = cell("plain", 0, marks=(type(mark(20, 1, 3.0))(20, 1, scores),))
    assert Cells(spec(), (record,), (0,)).kinds(-1) == ("fid", "kid", "is", "balance")
    assert NETWORK not in " ".join(row(final(Cells(spec(), (record,), (0,))), "PLAIN"))
