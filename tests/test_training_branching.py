"""A run that begins with another's first steps ends as if it had made them itself."""

from dataclasses import replace
from pathlib import Path

import pytest

from qdiffusion.errors import RunError, UsageError
from qdiffusion.runs import Run
from qdiffusion.runs.checkpoint import list_checkpoints
from qdiffusion.runs.snapshots import list_snapshots
from qdiffusion.training import Experiment, RateConfig, branch, resume, train
from training_families import transfer
from training_tiny import outcome


def classical(folder: Path, steps: int = 8) -> Experiment:
    """The first stage of `transfer` alone, longer, its third step's checkpoint kept."""
    whole = transfer(folder)
    first = replace(whole.stages[0], name="alone", steps=steps)
    return replace(whole, stages=(first,), snapshots=(2, 4), branches=(3,), checkpoint_every=1)


def test_branched_it_ends_as_trained_from_the_start(tmp_path: Path) -> None:
    whole = train(transfer(tmp_path), tmp_path / "whole")
    source = train(classical(tmp_path), tmp_path / "source")
    resumed = resume(branch(source, 3, transfer(tmp_path), tmp_path / "branched").path)
    for part in ("state", "model", "stats", "samples"):
        assert outcome(resumed)[part] == outcome(whole)[part], part
    assert list_snapshots(resumed) == list_snapshots(whole)


def test_the_checkpoint_of_a_branch_outlives_the_last_two(tmp_path: Path) -> None:
    source = train(classical(tmp_path), tmp_path / "source")
    steps = [path.stem for path in list_checkpoints(source)]
    assert steps == ["step-00000003", "step-00000007", "step-00000008"]
    resume(source.path)
    assert [path.stem for path in list_checkpoints(source)] == steps


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: replace(e, seed=5), "differ in seed"),
        (lambda e: replace(e, model=replace(e.model, dim=8)), "differ in model"),
        (lambda e: replace(e, stages=(replace(e.stages[0], batch_size=4), e.stages[1])), "differ in stage classical"),
        (lambda e: replace(e, stages=(replace(e.stages[0], steps=2), e.stages[1])), "where no stage of it ends"),
        (lambda e: replace(e, snapshots=(1, 5)), "differ in snapshots"),
    ],
)
def test_what_differs_before_the_branch_is_refused(tmp_path: Path, change, message: str) -> None:
    source = train(classical(tmp_path), tmp_path / "source")
    with pytest.raises(UsageError, match=message):
        branch(source, 3, change(transfer(tmp_path)), tmp_path / "branched")
    assert not (tmp_path / "branched").exists()


@pytest.mark.parametrize("lengths", [(2, 6), (1, 2, 5)])
def test_stages_that_end_elsewhere_are_refused(tmp_path: Path, lengths: tuple[int, ...]) -> None:
    """Alike but for their lengths: step 3 of the source is of another stage, or of one that began elsewhere."""
    first = classical(tmp_path).stages[0]
    stages = tuple(replace(first, steps=steps) for steps in lengths)
    source = train(replace(classical(tmp_path), stages=stages), tmp_path / "source")
    with pytest.raises(UsageError, match="differ in where their stages begin"):
        branch(source, 3, transfer(tmp_path), tmp_path / "branched")


def test_a_rate_that_knows_its_end_cannot_be_cut(tmp_path: Path) -> None:
    """A cosine of 8 steps is another cosine than one of 3, from the first step on."""

    def decaying(experiment: Experiment) -> Experiment:
        optimiser = replace(experiment.stages[0].optimiser, rate=RateConfig(decay="cosine"))
        first, *others = experiment.stages
        return replace(experiment, stages=(replace(first, optimiser=optimiser), *others))

    source = train(decaying(classical(tmp_path)), tmp_path / "source")
    with pytest.raises(UsageError, match="differ in stage classical"):
        branch(source, 3, decaying(transfer(tmp_path)), tmp_path / "branched")


def test_without_the_checkpoint_it_says_how_to_keep_it(tmp_path: Path) -> None:
    source = train(replace(classical(tmp_path), branches=()), tmp_path / "source")
    with pytest.raises(RunError, match="no checkpoint of step 3 to branch off from; train it with --branches 3"):
        branch(Run.open(source.path), 3, transfer(tmp_path), tmp_path / "branched")
