"""The report: a well-formed page that stands alone, escapes everything, and copes with an unfinished run."""

import base64
import re
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from plots_helpers import Page, add_samples, description, log_losses, make_run, metrics, strip
from qdiffusion.errors import RunError
from qdiffusion.plots import draw_figures, write_report
from qdiffusion.plots.grid import grid_png
from qdiffusion.runs import Run
from qdiffusion.runs.description import write_description
from qdiffusion.runs.files import write_json_atomic
from qdiffusion.runs.pictures import Strip, forward_path, reverse_path, write_real, write_strip
from qdiffusion.runs.samples import read_samples, write_samples

REAL = 200 + torch.arange(3 * 9, dtype=torch.uint8).reshape(3, 1, 3, 3)
NASTY = "<script>alert('&\"')</script> $name ${x}"


@pytest.fixture
def finished(tmp_path):
    run = make_run(tmp_path / "run")
    log_losses(run, [1.0, 0.5, 0.25, 0.125])
    add_samples(run)
    write_json_atomic(run.metrics_path, metrics())
    write_description(run, [description()])
    write_real(run, REAL)
    write_strip(forward_path(run), strip())
    write_strip(reverse_path(run, "ddim"), replace(strip(), items=255 - strip().items, caption="Noise is taken out."))
    draw_figures(run)
    return run


def page_of(run, **extra) -> Page:
    return Page(write_report(run, **extra).read_text(encoding="utf-8"))


def test_everything_is_told(finished):
    text = page_of(finished, reproduce="qdiffusion train tiny --seed 3").text
    for told in (
        "four drawn digits",
        "1,234: 1,200 classical, 34 quantum; 5 of them dead",
        "4 of 4",
        "4 min 4 s",
        "ddim: ddim, 50 steps, seed 7",
        "Images in the features of net",
        "Score Samples Floor Data fid-net 12.5 1.5 3 kid-net 0.25 ± 0.062 0.125 –",
        "7,000 samples against 60,000 of the training <images>. Lower is better.",
        "qdiffusion train tiny --seed 3",
        f"qdiffusion resume {finished.path}",
        '"kind": "own"',
        "python 3.11",
        "conv_in 1,200 4 × 8 × 8 Conv2d",
        "encoding >> ansatz",
        "One such circuit, in vertex.bank.",
        "found this found that",
        "t 99 2·10⁻⁹ t 49 0.5 image",
    ):
        assert told in text
    assert "Along the training" not in text


def test_no_dead_parameters_are_not_mentioned(finished):
    write_description(finished, [description(dead=0)])
    assert "of them dead" not in page_of(finished).text


def pixels(source: str) -> np.ndarray:
    with Image.open(BytesIO(base64.b64decode(source.removeprefix("data:image/png;base64,")))) as image:
        return np.asarray(image)


def shown(page: Page) -> list[np.ndarray]:
    return [pixels(attributes["src"]) for tag, attributes in page.tags if tag == "img"]


def test_pictures_are_inside(finished):
    """Samples, as many real images, and the columns of both strips."""
    columns = [images for way in (strip().items, 255 - strip().items) for images in way.unbind(1)]
    expected = [grid_png(read_samples(finished.samples_path / "ddim.safetensors").items), grid_png(REAL[:2])]
    expected += [grid_png(images, columns=1, width=120) for images in columns]
    found = shown(page_of(finished))
    assert len(found) == len(expected)
    for picture, png in zip(found, expected, strict=True):
        with Image.open(BytesIO(png)) as image:
            np.testing.assert_array_equal(picture, np.asarray(image))


def test_a_strip_belongs_to_its_samples(finished):
    add_samples(finished, "another")
    page = page_of(finished)
    assert len(shown(page)) == 2 + 3
    assert "Noise is mixed into images." in page.text
    assert "Noise is taken out." not in page.text


def test_real_images_are_shown_before_there_are_samples(tmp_path):
    run = make_run(tmp_path / "run")
    write_real(run, REAL)
    page = page_of(run)
    assert len(shown(page)) == 1
    assert "Nothing has been sampled yet" in page.text


def test_older_runs_leave_sections_out(finished):
    for path in (finished.description_path, *finished.pictures_path.iterdir()):
        path.unlink()
    page = page_of(finished)
    assert len(shown(page)) == 1
    for absent in ("Parameters", "From image to noise", "Model", "Circuits", "Real images"):
        assert absent not in page.text


def test_a_model_without_circuits_has_no_section_for_them(finished):
    write_description(finished, [replace(description(), circuits=(), drawings=())])
    assert "Circuits" not in page_of(finished).text


def test_colours_are_the_themes(finished):
    """Every colour is a variable of the page, and has a value for the dark."""
    written = re.sub(r"base64,[\w+/=]+", "", write_report(finished).read_text(encoding="utf-8"))
    themes = re.findall(r":root {([^}]*)}", written)
    named = [dict(re.findall(r"(--\w+): (#\w+);", theme)) for theme in themes]
    light, dark, paper = named
    assert light.keys() == dark.keys()
    assert all(light[name] != dark[name] for name in light)
    assert paper.keys() <= light.keys()
    assert set(re.findall(r"var\((--\w+)\)", written)) == light.keys()
    rest = re.sub(r":root {[^}]*}", "", written)
    assert re.findall(r"#[0-9a-f]{3,8}\b|: ?(?:white|black)\b|rgb|hsl", rest) == []


def test_large_colour_images_make_no_large_page(tmp_path):
    run: Run = make_run(tmp_path / "run")
    noise = torch.randint(256, (64, 3, 100, 100), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    write_samples(run.samples_path / "ddim.safetensors", noise, {})
    write_real(run, noise)
    levels = Strip(noise[:36].unflatten(0, (4, 9)), (("t",),) * 9)
    write_strip(forward_path(run), levels)
    write_strip(reverse_path(run, "ddim"), levels)
    assert write_report(run).stat().st_size < 2e6


def test_nothing_is_loaded_from_elsewhere(finished):
    page = page_of(finished)
    assert {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object"} == set()
    written = finished.report_path.read_text(encoding="utf-8")
    assert re.findall(r"https?:|//|@import|url\(", re.sub(r"base64,[\w+/=]+", "", written)) == []


def test_everything_is_escaped(tmp_path):
    run = make_run(tmp_path / "<b>run", name=NASTY, source=NASTY)
    log_losses(run, [1.0])
    add_samples(run, "<i>set")
    told = metrics()
    told["rows"][0].update(name=NASTY, beside={NASTY: 1.0})
    write_json_atomic(run.metrics_path, {**told, "title": NASTY, "conditions": [NASTY]})
    model = description(layer=NASTY)
    nasty = replace(model.drawings[0], name=NASTY, banks=(NASTY,), plan=f"{NASTY}: 2\n  {NASTY}")
    write_description(run, [replace(model, drawings=(nasty,))])
    write_strip(reverse_path(run, "<i>set"), Strip(strip().items, ((NASTY,),) * 3, NASTY))
    draw_figures(run)
    page = page_of(run, reproduce=NASTY)
    assert {tag for tag, _ in page.tags} & {"script", "b", "i"} == set()
    assert page.text.count(NASTY) == 6 + 4 + 3 + 4
    assert "<b>run" in page.text
    assert "<i>set" in page.text


def test_unfinished_run(tmp_path):
    run = make_run(tmp_path / "run")
    draw_figures(run)
    text = page_of(run).text
    assert "0 of 4" in text
    for missing in ("Nothing has been sampled yet", "No step has been logged yet", "Not evaluated yet"):
        assert missing in text


def test_the_newest_samples_are_shown(finished):
    add_samples(finished, "a-later-set")
    draw_figures(finished)
    assert "a-later-set: ddim" in page_of(finished).text


def test_damaged_metrics_are_named(finished):
    finished.metrics_path.write_text("{")
    with pytest.raises(RunError, match=r"metrics\.json"):
        write_report(finished)
