"""A run folder as training leaves it, without training; and a reader of HTML that checks it."""

from html.parser import HTMLParser
from pathlib import Path

import torch

from qdiffusion.runs import Run
from qdiffusion.runs.description import CircuitDrawing, CircuitFacts, Description, GateFacts, LayerFacts, ParameterCount
from qdiffusion.runs.files import write_json_atomic
from qdiffusion.runs.pictures import Strip
from qdiffusion.runs.samples import write_samples

VOID = {"meta", "img", "br", "link", "input", "hr"}


def make_run(path: Path, name: str = "tiny", source: str = "four drawn digits") -> Run:
    """A run of 4 steps that has not begun."""
    run = Run.create(path)
    record = {
        "experiment": {"name": name, "data": {"name": "digits"}, "stages": [{"name": "train", "steps": 4}]},
        "data": {"name": "digits", "source": source, "count": 4, "channels": 1, "size": 3, "sha256": "0"},
        "environment": {"qdiffusion": "0.1.0", "python": "3.11"},
    }
    write_json_atomic(run.experiment_path, record)
    return run


def log_losses(run: Run, losses: list[float]) -> None:
    for step, loss in enumerate(losses, start=1):
        speeds = {"learning_rate": 1e-3, "seconds": 61.0 * step, "items_per_second": 8.0}
        run.append_stats({"step": step, "stage": "train", "loss": loss, **speeds})


def add_samples(run: Run, name: str = "ddim") -> None:
    images = torch.arange(2 * 9, dtype=torch.uint8).reshape(2, 1, 3, 3)
    write_samples(run.samples_path / f"{name}.safetensors", images, {"sampler": "ddim", "steps": 50, "seed": 7})


def drawing(n_wires: int, gates: list[GateFacts], name: str = "encoding >> ansatz") -> CircuitDrawing:
    """A circuit of these gates, in one bank, read nowhere."""
    plan = f"{name}: some wires\n  found this\n  found that"
    return CircuitDrawing(name, ("vertex.bank",), 1, n_wires, len(gates), tuple(gates), 0, 1, (), plan)


def description(dead: int = 5, name: str = "tiny", layer: str = "conv_in") -> Description:
    gates = [GateFacts("rx", (0,), (), "i0"), GateFacts("ry", (1,), (0,), "w0"), GateFacts("x", (0,), (1,), None)]
    return Description(
        name=name,
        parameters=ParameterCount(1234, 1200, 34, dead, dead, 0),
        circuits=(CircuitFacts("vertex.bank", "ansatz", 1, 2, 1, 3),),
        layers=(LayerFacts(layer, "Conv2d", 1200, (4, 8, 8)),),
        drawings=(drawing(2, gates),),
    )


def strip() -> Strip:
    """Two images of two levels and of none."""
    images = torch.arange(2 * 3 * 9, dtype=torch.uint8).reshape(2, 3, 1, 3, 3)
    snr = torch.tensor([2e-9, 0.5, torch.inf], dtype=torch.float64)
    return Strip(images, torch.tensor([99, 49, -1]), snr)


def metrics() -> dict:
    return {
        "fid-net": 12.5,
        "kid-net": 0.25,
        "kid-net-std": 0.0625,
        "is-net": None,
        "is-net-std": None,
        "floor-fid-net": 1.5,
        "floor-kid-net": 0.125,
        "features": "net",
        "num_features": 128,
        "reference": "the training <images>",
        "n_samples": 7000,
        "n_reference": 60000,
        "n_floor": 30000,
        "fid_rank_deficient": False,
    }


class Page(HTMLParser):
    """Reads a page; fails where a tag is closed that is not open; keeps texts, tags and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data)
