"""Scores as a table: every value, and beside each what is known of it."""

from plots_helpers import metrics
from qdiffusion.plots.scores import table_rows


def test_a_column_for_all_that_stands_beside_any_score() -> None:
    head, rows = table_rows(metrics())
    assert head == ["Score", "Samples", "Floor", "Data"]
    assert rows == [["fid-net", "12.5", "1.5", "3"], ["kid-net", "0.25 ± 0.062", "0.125", "–"]]


def test_scores_without_anything_beside_them() -> None:
    row = {"name": "F", "value": 0.00061234, "std": None, "beside": {}}
    assert table_rows({"rows": [row]}) == (["Score", "Samples"], [["F", "0.0006123"]])
    assert table_rows({"rows": [{**row, "beside": {"haar": None}}]})[1] == [["F", "0.0006123", "–"]]
    assert table_rows({"rows": []}) == (["Score", "Samples"], [])
