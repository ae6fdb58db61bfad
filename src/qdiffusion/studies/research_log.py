"""The research log on scrambling: its training as logged, and as it proposes to mend it."""

from dataclasses import replace

from qdiffusion.data.ensemble import EnsembleConfig
from qdiffusion.models.circuit_config import UnitaryConfig
from qdiffusion.studies.budget import Budget
from qdiffusion.studies.published import RESEARCH_LOG
from qdiffusion.studies.spec import Claim, Column, Moment, Reference, StudySpec, Sweep
from qdiffusion.studies.study import Cell, Study
from qdiffusion.training.experiment import Experiment
from qdiffusion.training.presets.states import logged, mended

LAYERS = {4: 7, 6: 7, 8: 9, 10: 11}
"""Of the log's circuit, by qubits; the log does not say those of 10."""
STAGES, STATES = 6, 10
DEPTHS = {4: (1, 2, 3, 4, 5), 8: (1, 2, 3, 6, 13)}
"""Of the scrambler, up to where it saturates."""
GOALS = {4: (4, 0.95), 8: (3, 0.9)}
"""The deepest scrambler that is to be undone, and the average gate fidelity asked for."""
SHALLOW = 5
"""The deepest scrambler that the log's own layers, and circuits that undo the whole at once, are tried on."""

_KINDS = {
    "mended": "a mirrored layer for each layer",
    "ladder": "layers of the log's own, as many as logged for each layer",
    "direct": "as many mirrored layers, all at once",
}
_LABELS = {"mended": "Step by step", "ladder": "The log's layers", "direct": "At once"}


def _key(kind: str, n_qubits: int, depth: int) -> str:
    return f"{kind}-{n_qubits}q-d{depth}"


def _tried(kind: str, n_qubits: int) -> tuple[int, ...]:
    """The depths of a kind; what has a single layer is not undone at once, but in the only step."""
    if kind == "mended":
        return DEPTHS[n_qubits]
    shallow = tuple(depth for depth in DEPTHS[n_qubits] if depth <= SHALLOW)
    return shallow if kind == "ladder" else shallow[1:]


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
        Sweep(f"{_LABELS[kind]}, {n} qubits", tuple((depth, _key(kind, n, depth)) for depth in _tried(kind, n)))
        for n in DEPTHS
        for kind in _KINDS
    ),
    swept="depth of the scrambler",
)


def research_log_cell(study: StudySpec, column: str, seed: int, budget: Budget) -> Cell:
    """A column: the log's six stages of as many epochs as the budget has, or the two of twice as many that mend it.

    As logged there are ten states, whatever the budget.
    """
    kind, size, *depth = column.split("-")
    n_qubits = int(size.removesuffix("q"))
    if kind == "logged":
        made, passes = logged(n_qubits, LAYERS[n_qubits]), budget.epochs
        own = replace(budget, train_size=STATES, batch_size=STATES)
    else:
        made, passes = _mended(kind, n_qubits, int(depth[0].removeprefix("d"))), 2 * budget.epochs
        own = budget
    own, steps = replace(own, epochs=passes * len(made.stages)), passes * own.steps_per_epoch
    experiment = replace(
        made,
        name=f"{study.name}-{column}",
        data=EnsembleConfig("haar", n_qubits, count=own.train_size, test_count=own.samples, seed=seed),
        stages=tuple(replace(stage, steps=steps, batch_size=own.batch_size) for stage in made.stages),
        evaluation=replace(made.evaluation, count=own.samples),
        snapshots=tuple(steps * number for number in range(1, len(made.stages))),
        seed=seed,
        track=(),
    )
    return Cell(column, seed, own, experiment)


def _mended(kind: str, n_qubits: int, depth: int) -> Experiment:
    if kind == "mended":
        return mended(n_qubits, depth)
    if kind == "ladder":
        return mended(n_qubits, depth, UnitaryConfig(LAYERS[n_qubits], n_steps=depth))
    return mended(n_qubits, depth, UnitaryConfig(depth, ansatz="mirrored"))


RESEARCH = Study(SPEC, Budget(100, 16, 16, 100, sampler=None, sampling_steps=None), research_log_cell)
