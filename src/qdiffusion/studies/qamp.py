"""QAMP 2025: circuits in the bottleneck of a U-Net of amplitudes, each part of it taken away in turn."""

from dataclasses import replace

from qdiffusion.diffusion.state_objective_config import ChainSamplingConfig
from qdiffusion.metrics.amplitude_config import AmplitudesEvaluationConfig
from qdiffusion.models.amplitude_config import QAMPConfig
from qdiffusion.studies.budget import Budget
from qdiffusion.studies.published import QAMP_TEXT
from qdiffusion.studies.spec import Claim, Column, Moment, Reference, StudySpec, Sweep
from qdiffusion.studies.study import Cell, Study, images, moments
from qdiffusion.training.presets import qamp

ZEROS_AND_ONES = (0, 1)
WIDTHS = (2, 6, 8)
"""Qubits of the bottleneck beside the paper's 4."""
LEVELS = tuple(f"infidelity-t{t}" for t in range(10))
_TEN = QAMPConfig()

_MODELS: dict[str, tuple[str, str, QAMPConfig]] = {
    "ten": ("QAMP", "ten digits, circuits on 4 qubits, skip path", _TEN),
    "circuit-off": ("Circuit off", "nothing comes out of the bottleneck", replace(_TEN, control="zero")),
    "skip-off": ("Skip off", "the decoder does not see the noisy state", replace(_TEN, skip=False)),
    "both-off": ("Both off", "neither: one state for all inputs", replace(_TEN, control="zero", skip=False)),
    "twin": ("Twin", "classical maps of as many parameters for the circuits", replace(_TEN, control="twin")),
    "real-encoder": ("Real encoder", "real layers encode, as in the program", replace(_TEN, variant="real_encoder")),
    "pauli": ("Pauli readout", "⟨Z⟩ of each qubit", replace(_TEN, readout="pauli")),
    "probability": ("Probabilities", "of each basis state, as readout", replace(_TEN, readout="probability")),
    "identity-start": (
        "Identity start",
        "the decoder begins by giving back the noisy state",
        replace(_TEN, start="identity"),
    ),
    "threshold-start": ("Threshold start", "so too, and twice as wide, with thresholds", qamp.THRESHOLDS),
    "guided": ("Guided", "that, its samples guided to their classes", qamp.THRESHOLDS),
    "guided-twin": ("Guided twin", "the same, with classical maps", replace(qamp.THRESHOLDS, control="twin")),
    "conv-grover": ("Conv+Grover", "the Grover mixer for phase mixing", replace(_TEN, ansatz="conv-grover")),
    **{
        key: each
        for n in WIDTHS
        for key, each in {
            f"wires-{n}": (f"{n} qubits", f"circuits on {n} qubits", replace(_TEN, n_wires=n)),
            f"twin-{n}": (f"Twin of {n} qubits", "its classical maps", replace(_TEN, n_wires=n, control="twin")),
        }.items()
    },
    "binary": ("Zeros and ones", "QAMP on two digits", _TEN),
    "released": ("Released", "the public program's network", replace(_TEN, variant="released")),
}
_TWO = ("binary",)
_MANY = tuple(key for key in _MODELS if key not in _TWO)
_REFERENCES = (
    Reference("real", "Real images", "floor", _MANY),
    Reference("identity", "Identity", "identity", _MANY, drawn=True),
    Reference("mix", "Best mix with the mean", "mix", _MANY, drawn=True),
    Reference("real-two", "Real zeros and ones", "floor", _TWO),
    Reference("identity-two", "Identity, zeros and ones", "identity", _TWO),
    Reference("mix-two", "Best mix, zeros and ones", "mix", _TWO),
)
_BY_BOTH = ("infidelity", "fid")
_SHARP = ("agreement", "fid")
_GUIDED = ("agreement", "fid")
_CLAIMS = (
    Claim(
        "Zeros and ones come out sharp: more than half are told to be their class.", _TWO, (0.5,), scores=("agreement",)
    ),
    Claim("More qubits make ten digits sharper.", ("wires-6", "wires-8"), ("ten",), scores=_SHARP),
    Claim("Fewer qubits blur them.", ("ten",), ("wires-2",), scores=_SHARP),
    Claim("The skip path is essential.", ("ten",), ("skip-off",), scores=_BY_BOTH),
    Claim("Phase mixing is the better mixer.", ("ten",), ("conv-grover",), scores=_BY_BOTH),
    Claim(
        "Leaving states as they are is better than the infidelity that the paper reports.",
        ("identity",),
        (0.25,),
        scores=("infidelity",),
        control=True,
    ),
    Claim("Leaving states as they are is beaten at every level.", ("ten",), ("identity",), scores=LEVELS, control=True),
    Claim("So is the best mix with the mean image.", ("ten",), ("mix",), scores=LEVELS, control=True),
    Claim("On zeros and ones, too.", _TWO, ("identity-two", "mix-two"), scores=LEVELS, control=True),
    Claim("The circuits help.", ("ten",), ("circuit-off",), scores=_BY_BOTH, control=True),
    Claim("It is the circuits that help, not their parameters.", ("ten",), ("twin",), scores=_BY_BOTH, control=True),
    *(
        Claim(f"So it is on {n} qubits.", (f"wires-{n}",), (f"twin-{n}",), scores=_BY_BOTH, control=True)
        for n in WIDTHS
    ),
    Claim(
        "The skip path does the work: without circuits the infidelity is at most 5 % higher.",
        ("circuit-off",),
        ("ten",),
        scores=("infidelity",),
        margin=0.05,
        control=True,
    ),
    Claim(
        "It is better to begin with the noisy state than with what chance makes of it.",
        ("identity-start",),
        ("ten",),
        scores=_BY_BOTH,
        control=True,
    ),
    Claim(
        "It is better still where circuits set thresholds.",
        ("threshold-start",),
        ("identity-start",),
        scores=_BY_BOTH,
        control=True,
    ),
    Claim(
        "Guided, samples are told to be of the class asked for more often.",
        ("guided",),
        ("threshold-start",),
        scores=("agreement",),
        control=True,
    ),
    Claim("It is the circuits that make guidance work.", ("guided",), ("guided-twin",), scores=_GUIDED, control=True),
    Claim("Complex layers encode better than real ones.", ("ten",), ("real-encoder",), scores=_BY_BOTH, control=True),
    Claim(
        "Trainable observables are the better readout.",
        ("ten",),
        ("pauli", "probability"),
        scores=_BY_BOTH,
        control=True,
    ),
)

SPEC = StudySpec(
    name="qamp",
    title="QAMP 2025",
    columns=tuple(Column(key, label, note) for key, (label, note, _) in _MODELS.items()),
    moments=(
        Moment(1 / 20, "1/20 of the training"),
        Moment(1 / 4, "a quarter of the training"),
        Moment(1 / 2, "half of the training"),
        Moment(1, "all of the training"),
    ),
    claims=_CLAIMS,
    published=(QAMP_TEXT,),
    scores=("infidelity", "fid", "confident", "agreement"),
    last=LEVELS,
    references=_REFERENCES,
    reading=(
        "Infidelity is the mean of 1 - |⟨target|denoised⟩|² over held-out images and noise levels, t0 … t9 that of one "
        "level. Identity leaves the noisy state as it is; the best mix adds the mean training image, as much of it as "
        "serves that level best. Neither is trained.",
        "Confident is the share of samples that the classifier gives a probability above 0.9, agreement the share that "
        "it finds to be of the class asked for. Noise, or one blur for all, can have all samples confident; so what is "
        "sharp is judged by agreement and FID. Where all samples are one blur, a tenth of ten digits agree, and of two "
        "half or none.",
    ),
    sweeps=(
        Sweep("Circuits", ((4, "ten"), *((n, f"wires-{n}") for n in WIDTHS))),
        Sweep("Classical twins", ((4, "twin"), *((n, f"twin-{n}") for n in WIDTHS))),
    ),
    swept="qubits of the bottleneck",
    forward=True,
)


def qamp_cell(study: StudySpec, column: str, seed: int, budget: Budget) -> Cell:
    """A column: ten digits, or, a fifth of the images, zeros and ones."""
    own = replace(budget, train_size=budget.train_size // 5) if column in _TWO else budget
    data = replace(images("mnist", budget), size=qamp.SIZE, count=own.train_size)
    if column in _TWO:
        data = replace(data, classes=ZEROS_AND_ONES)
    trained = qamp.published(own.batch_size, own.epochs, own.steps_per_epoch)
    name = f"{study.name}-{column}"
    experiment = replace(
        qamp.qamp(name, data, _MODELS[column][2], trained, own.steps_per_epoch),
        sampling=ChainSamplingConfig(count=0, guidance=qamp.GUIDANCE if column.startswith("guided") else 1.0),
        evaluation=AmplitudesEvaluationConfig(count=own.samples),
        seed=seed,
        snapshots=moments(study, own),
        track=(),
    )
    return Cell(column, seed, own, experiment)


QAMP = Study(SPEC, Budget(100, 8096, 32, 1000, sampler=None, sampling_steps=None), qamp_cell)
