"""A run folder as training leaves it, without training; and a reader of HTML that checks it."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from qdiffusion.runs import Run
from qdiffusion.runs.description import (
    CircuitDrawing,
    CircuitFacts,
    DeadParameters,
    Description,
    GateFacts,
    LayerFacts,
    ParameterCount,
)
from qdiffusion.runs.files import write_json_atomic
from qdiffusion.runs.pictures import Strip
from qdiffusion.runs.samples import write_samples

VOID = {"meta", "img", "br", "link", "input", "hr"}


def make_run(path: Path, name: str = "tiny", source: str = "four drawn digits", kind: str = "images") -> Run:
    """A run of 4 steps that has not begun."""
    run = Run.create(path)
    space = {"kind": kind, "shape": [1, 3, 3], "classes": []}
    record = {
        "format": 2,
        "experiment": {"name": name, "data": {"kind": "own"}, "stages": [{"name": "train", "steps": 4}]},
        "data": {"name": "digits", "source": source, "count": 4, "space": space, "sha256": "0"},
        "environment": {"qdiffusion": "0.1.0", "python": "3.11"},
    }
    write_json_atomic(run.experiment_path, record)
    return run


def log_losses(run: Run, losses: list[float]) -> None:
    for step, loss in enumerate(losses, start=1):
        run.append_stats(line(step, loss, seconds=61.0 * step))


def line(step: int, loss: float, stage: str = "train", **further: float) -> dict[str, Any]:
    """A line of stats.jsonl."""
    speeds = {"learning_rate": 1e-3, "seconds": 2.5 * step, "items_per_second": 8.0}
    return {"step": step, "stage": stage, "loss": loss, **speeds, **further}


def add_samples(run: Run, name: str = "ddim") -> None:
    images = torch.arange(2 * 9, dtype=torch.uint8).reshape(2, 1, 3, 3)
    write_samples(run.samples_path / f"{name}.safetensors", images, {"made": ["ddim", "50 steps"], "seed": 7})


def drawing(n_wires: int, gates: list[GateFacts], name: str = "encoding >> ansatz") -> CircuitDrawing:
    """A circuit of these gates, in one bank, read nowhere."""
    plan = f"{name}: some wires\n  found this\n  found that"
    return CircuitDrawing(name, ("vertex.bank",), 1, n_wires, len(gates), tuple(gates), 0, 1, (), plan)


def description(dead: int = 5, name: str = "tiny", layer: str = "conv_in") -> Description:
    gates = [GateFacts("rx", (0,), (), "i0"), GateFacts("ry", (1,), (0,), "w0"), GateFacts("x", (0,), (1,), None)]
    return Description(
        name=name,
        stage="train",
        parameters=ParameterCount(1234, 1200, 34, dead, dead, 0),
        dead=(DeadParameters("denoiser.conv_in.bias", dead, 12, "0-4"),) if dead else (),
        circuits=(CircuitFacts("vertex.bank", "ansatz", 1, 2, 1, 3),),
        layers=(LayerFacts(layer, "Conv2d", 1200, (4, 8, 8)),),
        drawings=(drawing(2, gates),),
    )


def strip() -> Strip:
    """Two images of two levels and of none."""
    images = torch.arange(2 * 3 * 9, dtype=torch.uint8).reshape(2, 3, 1, 3, 3)
    return Strip(images, (("t 99", "2·10⁻⁹"), ("t 49", "0.5"), ("image",)), "Noise is mixed into images.")


def random_states(count: int, n_qubits: int, seed: int = 0, dtype: torch.dtype = torch.complex64) -> Tensor:
    """Haar states (count, 2^n_qubits)."""
    generator = torch.Generator().manual_seed(seed)
    amplitudes = torch.randn(count, 2**n_qubits, dtype=torch.complex128, generator=generator)
    return (amplitudes / amplitudes.norm(dim=1, keepdim=True)).to(dtype)


def metrics(value: float = 12.5, better: str = "lower") -> dict[str, Any]:
    """Two scores, one with a spread, one with something beside it that the other has not."""
    rows = [
        {"name": "fid-net", "value": value, "std": None, "beside": {"floor": 1.5, "data": 3.0}, "better": better},
        {"name": "kid-net", "value": 0.25, "std": 0.0625, "beside": {"floor": 0.125}},
    ]
    conditions = ["7,000 samples against 60,000 of the training <images>.", "Lower is better."]
    return {"title": "Images in the features of net", "rows": rows, "conditions": conditions, "details": {"n": 3}}


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
