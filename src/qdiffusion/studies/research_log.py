"""The research log on scrambling: its training as logged, and as it proposes to mend it."""

from dataclasses import replace
from itertools import accumulate

from qdiffusion.data.ensemble import EnsembleConfig
from qdiffusion.errors import UsageError
from qdiffusion.models.circuit_config import UnitaryConfig
from qdiffusion.studies.budget import Budget
from qdiffusion.studies.published import RESEARCH_LOG
from qdiffusion.studies.spec import Claim, Column, Moment, Reference, StudySpec, Sweep
from qdiffusion.studies.study import Cell, Study
from qdiffusion.training.experiment import Experiment, Stage
from qdiffusion.training.presets.states import grown, logged, mended

LAYERS = {4: 7, 6: 7, 8: 9, 10: 11}
"""Of the log's circuit, by qubits; the log does not say those of 10."""
STAGES, STATES = 6, 10
DEPTHS = {4: (1, 2, 3, 4, 5), 8: (1, 2, 3, 6, 13)}
"""Of the scrambler, up to where it saturates."""
GOALS = {4: (4, 0.95), 8: (3, 0.9)}
"""The deepest scrambler that is to be undone, and the average gate fidelity asked for."""
SHALLOW = 5
"""The deepest scrambler that the log's own layers, and circuits that undo the whole at once, are tried on."""
BLOCKS = 8
"""Layers of a denoiser of blocks; the log's has seven or nine."""
AT_ONCE = ("direct", "grown")
"""Kinds whose denoiser has a single step."""

_KINDS = {
    "mended": "a mirrored layer for each layer",
    "ladder": "layers of the log's own, as many as logged for each layer",
    "direct": "as many mirrored layers, all at once",
    "grown": "so too, but one layer after another, then all",
    "blocks": "layers as logged and mirrored ones, two and two, eight for each layer",
    "identity": "such blocks, which begin as the identity",
}
_LABELS = {
    "mended": "Step by step",
    "ladder": "The log's layers",
    "direct": "At once",
    "grown": "Layer after layer",
    "blocks": "Blocks",
    "identity": "Identity blocks",
}


def _key(kind: str, n_qubits: int, depth: int) -> str:
    return f"{kind}-{n_qubits}q-d{depth}"


def _tried(kind: str, n_qubits: int) -> tuple[int, ...]:
    """The depths of a kind; what has a single layer is not undone at once, but in the only step."""
    deepest = {"mended": max(DEPTHS[n_qubits]), "blocks": GOALS[n_qubits][0], "identity": GOALS[n_qubits][0]}
    tried = tuple(depth for depth in DEPTHS[n_qubits] if depth <= deepest.get(kind, SHALLOW))
    return tried[1:] if kind in AT_ONCE else tried


_TRIED = [(kind, n, depth) for n in DEPTHS for kind in _KINDS for depth in _tried(kind, n)]
_SIZES = {n: (f"logged-{n}q", *(_key(*each) for each in _TRIED if each[1] == n)) for n in LAYERS}
_GATE, _HELD_OUT = ("gate-fidelity",), ("fidelity-held-out",)

SPEC = StudySpec(
    name="research-log",
    title="The research log: undoing scramblers",
    columns=(
        *(
            Column(f"logged-{n}q", f"As logged, {n} qubits", f"ten states, {layers} layers, six scramblers in turn")
            for n, layers in LAYERS.items()
        ),
        *(
            Column(_key(kind, n, depth), f"{_LABELS[kind]}, {n} qubits, depth {depth}", _KINDS[kind])
            for kind, n, depth in _TRIED
        ),
    ),
    moments=(
        Moment(1 / STAGES, "the first stage as logged"),
        Moment(1 / 2, "half of the training"),
        Moment(1, "all of the training"),
    ),
    claims=(
        *(
            Claim(
                f"Trained as logged on {n} qubits, states never seen come back better than Haar-random ones.",
                (f"logged-{n}q",),
                (f"haar-{n}q",),
                scores=_HELD_OUT,
            )
            for n in LAYERS
        ),
        *(
            Claim(
                f"Mended, scramblers of {n} qubits and depth up to {depth} come undone: gate fidelity above {goal:g}.",
                tuple(_key("mended", n, d) for d in DEPTHS[n] if d <= depth),
                (goal,),
                scores=_GATE,
            )
            for n, (depth, goal) in GOALS.items()
        ),
        *(
            Claim(
                f"Mirrored layers do it, not the other mends: {n} qubits, depth {depth}.",
                (_key("mended", n, depth),),
                (_key("ladder", n, depth),),
                scores=_GATE,
                control=True,
            )
            for n, (depth, _) in GOALS.items()
        ),
        *(
            Claim(
                f"So do steps: {n} qubits, depth {depth}.",
                (_key("mended", n, depth),),
                (_key("direct", n, depth),),
                scores=_GATE,
                control=True,
            )
            for n, (depth, _) in GOALS.items()
        ),
        *(
            Claim(
                f"{text}: {n} qubits, depth {depth}.",
                (_key(better, n, depth),),
                (_key(worse, n, depth),),
                scores=_GATE,
                control=True,
            )
            for better, worse, text in (
                ("grown", "direct", "At once, it helps to train one layer after another"),
                ("identity", "blocks", "Blocks undo more where they begin as the identity"),
                ("identity", "ladder", "So they do beside the log's layers"),
            )
            for n, (depth, _) in GOALS.items()
        ),
    ),
    published=(RESEARCH_LOG,),
    scores=("gate-fidelity", "fidelity-held-out", "fidelity-train"),
    references=tuple(
        Reference(f"haar-{n}q", f"Haar states, {n} qubits", "Haar", columns) for n, columns in _SIZES.items()
    ),
    reading=(
        "Gate fidelity is the mean fidelity of an undone state with the original over all states, (|tr W|²/d + 1)/(d + "
        "1); of what was trained as logged, that of the last scrambler seen.",
        "Each seed is another scrambler; of one seed a deeper one goes on where a shallower one ends.",
    ),
    sweeps=tuple(
        Sweep(_LABELS[kind], tuple((depth, _key(kind, n, depth)) for depth in _tried(kind, n)), f"{n} qubits")
        for n in DEPTHS
        for kind in _KINDS
    ),
    swept="depth of the scrambler",
)


def research_log_cell(study: StudySpec, column: str, seed: int, budget: Budget) -> Cell:
    """A column: the log's six stages of as many epochs as the budget has, or those that mend it, four times as many.

    As logged there are ten states, whatever the budget.
    """
    kind, size, *depth = column.split("-")
    n_qubits = int(size.removesuffix("q"))
    if kind == "logged":
        made, passes = logged(n_qubits, LAYERS[n_qubits]), STAGES * budget.epochs
        own = replace(budget, train_size=STATES, batch_size=STATES)
    else:
        made, passes = _mended(kind, n_qubits, int(depth[0].removeprefix("d"))), 4 * budget.epochs
        own = budget
    own, steps = replace(own, epochs=passes), passes * own.steps_per_epoch
    ends = _ends(made.stages, steps)
    stages = tuple(
        replace(stage, steps=end - begin, batch_size=own.batch_size)
        for stage, begin, end in zip(made.stages, (0, *ends), ends, strict=False)
    )
    experiment = replace(
        made,
        name=f"{study.name}-{column}",
        data=EnsembleConfig("haar", n_qubits, count=own.train_size, test_count=own.samples, seed=seed),
        stages=stages,
        evaluation=replace(made.evaluation, count=own.samples),
        snapshots=tuple(ends[:-1]),
        seed=seed,
        track=(),
    )
    return Cell(column, seed, own, experiment)


def _ends(stages: tuple[Stage, ...], steps: int) -> tuple[int, ...]:
    """The steps after which each stage ends, of so many in all, in the stages' own proportions."""
    own = tuple(accumulate(stage.steps for stage in stages))
    if steps < 2 * len(stages):
        raise UsageError(
            f"{len(stages)} stages in turn were given {steps} steps together; give at least {2 * len(stages)}, by more "
            "epochs or smaller batches."
        )
    return tuple(steps * end // own[-1] for end in own)


def _mended(kind: str, n_qubits: int, depth: int) -> Experiment:
    if kind == "grown":
        return grown(n_qubits, depth)
    models = {
        "mended": None,
        "ladder": UnitaryConfig(LAYERS[n_qubits], n_steps=depth),
        "direct": UnitaryConfig(depth, ansatz="mirrored"),
        "blocks": UnitaryConfig(BLOCKS, n_steps=depth, ansatz="blocks"),
        "identity": UnitaryConfig(BLOCKS, n_steps=depth, ansatz="blocks", start="identity"),
    }
    return mended(n_qubits, depth, models[kind])


RESEARCH = Study(SPEC, Budget(100, 16, 16, 100, sampler=None, sampling_steps=None), research_log_cell)
