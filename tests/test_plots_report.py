"""The report: a well-formed page that stands alone, escapes everything, and copes with an unfinished run."""

import base64
import re

import pytest

from plots_helpers import Page, add_samples, log_losses, make_run, metrics
from qdiffusion.errors import RunError
from qdiffusion.plots import draw_figures, write_report
from qdiffusion.runs.files import write_json_atomic

NASTY = "<script>alert('&\"')</script> $name ${x}"


@pytest.fixture
def finished(tmp_path):
    run = make_run(tmp_path / "run")
    log_losses(run, [1.0, 0.5, 0.25, 0.125])
    add_samples(run)
    write_json_atomic(run.metrics_path, metrics())
    draw_figures(run)
    return run


def page_of(run, **extra) -> Page:
    return Page(write_report(run, **extra).read_text(encoding="utf-8"))


def test_everything_is_told(finished):
    counts = {"total": 1234, "classical": 1200, "quantum": 34, "dead": 5}
    text = page_of(finished, parameters=counts, reproduce="qdiffusion train tiny --seed 3").text
    for told in (
        "four drawn digits",
        "1,234: 1,200 classical, 34 quantum; 5 of them dead",
        "4 of 4",
        "4 min 4 s",
        "sampler ddim, steps 50, seed 7",
        "fid-net 12.5 1.5",
        "kid-net 0.25 ± 0.062 0.125",
        "7,000 samples against 60,000 reference images (the training <images>)",
        "30,000 real images against 30,000 others",
        "qdiffusion train tiny --seed 3",
        f"qdiffusion resume {finished.path}",
        '"name": "digits"',
        "python 3.11",
    ):
        assert told in text
    assert "is-net" not in text


def test_no_dead_parameters_are_not_mentioned(finished):
    counts = {"total": 1234, "classical": 1200, "quantum": 34, "dead": 0}
    assert "of them dead" not in page_of(finished, parameters=counts).text


def test_pictures_are_inside(finished):
    images = [attributes["src"] for tag, attributes in page_of(finished).tags if tag == "img"]
    content = [base64.b64decode(source.removeprefix("data:image/png;base64,")) for source in images]
    expected = [finished.samples_path / "ddim.png", finished.figures_path / "loss.png"]
    assert content == [path.read_bytes() for path in expected]


def test_nothing_is_loaded_from_elsewhere(finished):
    page = page_of(finished)
    assert {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object"} == set()
    written = finished.report_path.read_text(encoding="utf-8")
    assert re.findall(r"https?:|//|@import|url\(", re.sub(r"base64,[\w+/=]+", "", written)) == []


def test_everything_is_escaped(tmp_path):
    run = make_run(tmp_path / "<b>run", name=NASTY, source=NASTY)
    log_losses(run, [1.0])
    add_samples(run, "<i>set")
    write_json_atomic(run.metrics_path, {**metrics(), "reference": NASTY})
    draw_figures(run)
    page = page_of(run, reproduce=NASTY)
    assert {tag for tag, _ in page.tags} & {"script", "b", "i"} == set()
    assert page.text.count(NASTY) == 6
    assert "<b>run" in page.text
    assert "<i>set" in page.text


def test_unfinished_run(tmp_path):
    run = make_run(tmp_path / "run")
    draw_figures(run)
    text = page_of(run).text
    assert "0 of 4" in text
    for missing in ("No images have been sampled yet", "No step has been logged yet", "Not evaluated yet"):
        assert missing in text


def test_the_newest_samples_are_shown(finished):
    add_samples(finished, "a-later-set")
    draw_figures(finished)
    assert "a-later-set: sampler ddim" in page_of(finished).text


def test_too_few_samples_are_flagged(finished):
    write_json_atomic(finished.metrics_path, {**metrics(), "fid_rank_deficient": True})
    assert "comparable only with others of the same count" in page_of(finished).text


def test_damaged_metrics_are_named(finished):
    finished.metrics_path.write_text("{")
    with pytest.raises(RunError, match=r"metrics\.json"):
        write_report(finished)
