"""A circuit compiled against its observable.

A plan puts measurements off, cuts light cones, splits the circuit into independent components, runs components of equal
shape side by side, chooses for each how it is computed (see `cost`) and reads the observable off. Nothing is
approximated. The design is in docs/circuits.md.
"""

from functools import partial
from typing import Literal, assert_never

import torch
from torch import Tensor

from qdiffusion.circuits.circuit import Circuit
from qdiffusion.circuits.observables import (
    MOST_WORD_WIRES,
    Branches,
    DensityMatrix,
    Expectations,
    Hermitian,
    Observable,
    Probabilities,
    Readout,
    State,
)
from qdiffusion.circuits.plans.computation import Computation, Output
from qdiffusion.circuits.plans.deferral import Deferred, defer, dephased
from qdiffusion.circuits.plans.shiftplan import ShiftPlan
from qdiffusion.circuits.plans.shotplan import ShotPlan
from qdiffusion.circuits.plans.stateplan import StatePlan
from qdiffusion.circuits.plans.ways import USUAL_SAMPLES, rounded
from qdiffusion.circuits.plans.wideplan import WidePlan
from qdiffusion.circuits.plans.wordplan import WordPlan
from qdiffusion.circuits.vectors.adjoint import Evolution, check_evolution
from qdiffusion.errors import UsageError

Differentiation = Evolution | Literal["parameter-shift"]


class Plan:
    """How a circuit and an observable are computed.

    `plan(weights, inputs, …)`: weights (W, C, n_weights) in radians and inputs (W, C, R, n_inputs), real, or complex
    where amplitudes are among them → (W, C, R, *outputs). W is 1, or the samples where weights differ per sample; R the
    samples where weights are shared, or 1 (`angles.samples`). `observable_weights` (C, n) are those of trainable
    Hermitians; `generator` draws branches and shots.

    Args:
        circuit: what is run.
        observable: what is read out.
        differentiation: "adjoint" un-computes states and builds no trees of clusters, "backprop" keeps states, "auto"
            is the cheaper; "parameter-shift" runs shifted circuits.
        shots: estimate Pauli observables from this many measurements in each basis, and their gradients by parameter
            shift; None is exact.
        fixed: every call is given the same weights: what follows from them alone is computed in the first, without
            gradients, and kept.

    Raises:
        UsageError: the observable does not fit the circuit, its differentiation or shots, "adjoint" was asked for a
            circuit that post-selects or has channels, or a component is too large for a state vector, or a density
            matrix where there are channels, and is no tree of clusters.
    """

    def __init__(
        self,
        circuit: Circuit,
        observable: Observable,
        *,
        differentiation: Differentiation = "auto",
        shots: int | None = None,
        fixed: bool = False,
    ) -> None:
        self.circuit, self.observable = circuit, observable
        self._differentiation, self._shots = differentiation, shots
        readout = observable.on(circuit.n_wires)
        _check_shots(readout, differentiation, shots)
        _check_words(readout, differentiation, shots)
        self._computation: Computation
        if shots is not None or differentiation == "parameter-shift":
            self._computation = ShiftPlan(circuit, readout, partial(_compiled, readout=readout, shots=shots))
        else:
            self._computation = _compiled(circuit, readout, differentiation=differentiation, fixed=fixed)

    def fixed(self) -> "Plan":
        """This plan for weights that are the same in every call."""
        return Plan(self.circuit, self.observable, differentiation=self._differentiation, shots=self._shots, fixed=True)

    def __call__(
        self,
        weights: Tensor,
        inputs: Tensor,
        observable_weights: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Output:
        return self._computation.combine(self._computation.read(weights, inputs, generator), observable_weights)

    def explain(self, samples: int = USUAL_SAMPLES) -> str:
        """What was found in the circuit and how each part is computed, a line each, for a batch of about `samples`:
        1, 4, 16, … 256, which stands for all larger ones.
        """
        return "\n  ".join([self.circuit.summary, *self._computation.explain(rounded(samples))])


def _compiled(
    circuit: Circuit,
    readout: Readout,
    shots: int | None = None,
    differentiation: Evolution = "auto",
    fixed: bool = False,
) -> Computation:
    if circuit.is_mixed and not isinstance(readout, Branches):
        circuit = dephased(circuit)
    deferred = defer(circuit, _disturbed(readout, circuit.n_wires))
    _check_measurements(deferred, readout)
    check_evolution(differentiation, all(gate.is_unitary for gate in deferred.circuit.gates))
    if not isinstance(readout, Expectations):
        return StatePlan(deferred, readout, differentiation)
    if any(isinstance(output, Hermitian) and output.is_wide for output in readout.outputs):
        return WidePlan(readout, lambda part: _compiled(circuit, part, None, differentiation, fixed))
    return WordPlan(deferred, readout, differentiation, fixed) if shots is None else ShotPlan(deferred, readout, shots)


def _disturbed(readout: Readout, n_wires: int) -> set[int]:
    """The wires whose coherences are read."""
    match readout:
        case Expectations():
            return readout.wires("XY")
        case DensityMatrix():
            return set(readout.wires or range(n_wires))
        case Probabilities() | State() | Branches():
            return set()
    assert_never(readout)


def _check_measurements(deferred: Deferred, readout: Readout) -> None:
    name = deferred.circuit.name
    if isinstance(readout, State) and deferred.circuit.is_mixed:
        raise UsageError(f"{name} is mixed, so that its state is no vector; read density_matrix().")
    if isinstance(readout, State) and deferred.outcomes:
        raise UsageError(f"{name} measures, so that its state is not one vector; read branches() or density_matrix().")
    if isinstance(readout, Branches) and not deferred.outcomes:
        raise UsageError(f"branches() was asked of {name}, which measures nothing; add measure(wire) or read state().")


def _check_words(readout: Readout, differentiation: Differentiation, shots: int | None) -> None:
    """Shots, and shifts, know Pauli words alone."""
    if not isinstance(readout, Expectations) or (shots is None and differentiation != "parameter-shift"):
        return
    wide = next((each for each in readout.outputs if isinstance(each, Hermitian) and each.is_wide), None)
    if wide is not None:
        raise UsageError(
            f"Shots and parameter shift take Hermitians on {MOST_WORD_WIRES} wires at most, not on {len(wide.wires)}; "
            "use 'backprop' or 'adjoint' without shots."
        )


def _check_shots(readout: Readout, differentiation: Differentiation, shots: int | None) -> None:
    if shots is None:
        return
    if not isinstance(shots, int) or shots < 1:
        raise UsageError(f"Give a whole number of at least 1 shot, not {shots!r}; None is exact.")
    if not isinstance(readout, Expectations):
        raise UsageError(f"Shots estimate expectation values, not {type(readout).__name__}; leave shots out.")
    if differentiation not in ("auto", "parameter-shift"):
        raise UsageError(f"Shots have no {differentiation!r} gradient; use 'parameter-shift'.")
