"""Which study shows what a run has learnt: its forward process decides."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qdiffusion.analysis.chainpage import chain_tables, write_chain_study
from qdiffusion.analysis.chainstudy import study_chain
from qdiffusion.analysis.curves import shown_stage
from qdiffusion.analysis.pages import Rows
from qdiffusion.analysis.runpage import undoing_tables, write_run_study
from qdiffusion.analysis.runstudy import study_run
from qdiffusion.diffusion.depolarising_config import DepolarisingConfig
from qdiffusion.diffusion.state_config import ScramblerConfig, ScramblingConfig
from qdiffusion.errors import UsageError
from qdiffusion.runs import Run
from qdiffusion.training.setup import read_experiment


@dataclass(frozen=True)
class RunKind:
    """How the runs of one forward process are studied, and what is shown and written of it."""

    study: Callable[..., Any]
    """Of a run, with the options and `progress` by name."""
    options: tuple[str, ...]
    tables: Callable[[Any], Iterable[tuple[str, Rows]]]
    """Titles and tables for a terminal."""
    write: Callable[[Path, Any, str], tuple[Path, ...]]
    """Into a folder, with the command that makes it again; returns the files."""

    def chosen(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options that are not None; raises UsageError for one that the study does not take."""
        given = {name: value for name, value in options.items() if value is not None}
        for name in given:
            if name not in self.options:
                told = " and ".join(f"--{each}" for each in self.options)
                raise UsageError(f"--{name} was given, but the study of such a run takes {told} alone; leave it out.")
        return given


_CHAIN = RunKind(study_chain, ("seed", "snapshot"), chain_tables, write_chain_study)
RUN_KINDS: Mapping[type, RunKind] = {
    ScramblerConfig: RunKind(study_run, ("state", "snapshot"), undoing_tables, write_run_study),
    ScramblingConfig: _CHAIN,
    DepolarisingConfig: _CHAIN,
}


def run_kind(run: Run, snapshot: int | None = None) -> RunKind:
    """The kind of a run, by the forward process of its last stage or of a snapshot's.

    Raises:
        UsageError: there is nothing to show of such a run.
        RunError: the run is damaged.
    """
    experiment = read_experiment(run).experiment
    forward = experiment.forward_of(shown_stage(experiment, snapshot))
    if type(forward) not in RUN_KINDS:
        raise UsageError(
            f"{run.path} has the forward process {forward.kind}, but what can be shown is how one scrambler, the same "
            "for every state, is undone (scrambler; preset scrambling-4q), or how a chain makes states of noise "
            "(scrambling and depolarising; presets quddpm-cluster1 and msquddpm-cluster); give such a run."
        )
    return RUN_KINDS[type(forward)]
