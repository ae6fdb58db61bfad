"""A short training with labels is enough to be heard: samples are taken for the class that was asked for."""

from pathlib import Path

import torch

from qdiffusion.data import ImagesConfig
from qdiffusion.diffusion import SchedulerConfig
from qdiffusion.metrics import load_features
from qdiffusion.models import UNetConfig
from qdiffusion.training import AdamConfig, EMAConfig, Experiment, Stage, sample_run, train


def test_samples_are_taken_for_the_class_that_was_asked_for(tmp_path: Path) -> None:
    """Of twice 32 samples, by the packaged classifier: with labels more than without (guidance 0)."""
    experiment = Experiment(
        name="told",
        data=ImagesConfig(classes=(1, 0), size=16),
        model=UNetConfig(dim=8, multipliers=(1, 2), heads=2, head_dim=8, groups=4, conditional=True),
        stages=(Stage(steps=400, batch_size=32, optimiser=AdamConfig(3e-3), ema=EMAConfig(decay=0.9, start=50)),),
        sampling=SchedulerConfig(steps=20, count=0),
    )
    run = train(experiment, tmp_path / "run")
    network = load_features("mnist-cnn")

    def share(number: int, guidance: float) -> float:
        samples = sample_run(run, 32, classes=(number,), guidance=guidance)
        with torch.no_grad():
            return (network.logits(samples.items).argmax(1) == number).double().mean().item()

    told, untold = (sum(share(number, guidance) for number in (0, 1)) / 2 for guidance in (2.0, 0.0))
    assert told > untold + 0.2
