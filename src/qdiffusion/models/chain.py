r"""QuDDPM's reverse process: a circuit for every noise level, with ancillas that are measured.

.. math:: |ψ⟩ → |ψ_b⟩ = \frac{⟨b|_A U(θ_t) |ψ⟩|0⟩_A}{\sqrt{p_b}}, \quad p_b = ‖⟨b|_A U(θ_t) |ψ⟩|0⟩_A‖^2

U is L layers of RX and RY on all qubits, then CZ on neighbours. Step t undoes kick t + 1 of the forward process. One
circuit may serve all levels: it is told the level by RX(2π t / T) on every qubit. A class c of K is told by
RY(2π c / K) on every ancilla.

Source: Zhang et al. 2024 (arXiv 2310.05866), figure 2.
"""

import math

import torch
from jaxtyping import Complex, Float, Int64
from torch import Tensor, nn

from qdiffusion.circuits import (
    Circuit,
    Gate,
    branches,
    circuit_of,
    cz_brickwork,
    input,
    measured,
    state_preparation,
)
from qdiffusion.errors import UsageError
from qdiffusion.models.denoised import Denoised, drawn
from qdiffusion.models.inputs import check_range, levels_of, refuse_labels
from qdiffusion.models.steps import CircuitSteps


class ChainDenoiser(nn.Module):
    """T circuits, `steps.0` … `steps.T-1` (`CircuitSteps`), each with 2 (n + n_a) L angles of its own, or one for all.

    Args:
        n_qubits: n, of the states.
        n_steps: T.
        n_ancillas: n_a, the last wires of each circuit.
        n_layers: L.
        measured: "drawn", any outcome; "post-selected", the outcome 0 of every ancilla is kept.
        time: "own", a circuit for each level; "shared", one that is told the level.
        n_classes: K, of the labels; 0: unconditional.

    Attributes:
        levels: T, or 1 where one circuit is shared.
    """

    null_label = False

    def __init__(
        self,
        n_qubits: int,
        n_steps: int,
        n_ancillas: int,
        n_layers: int,
        measured: str = "drawn",
        time: str = "own",
        n_classes: int = 0,
    ) -> None:
        super().__init__()
        self.n_steps, self.n_classes, self.post_selected = n_steps, n_classes, measured == "post-selected"
        self.levels = 1 if time == "shared" else n_steps
        circuit = step_circuit(n_qubits, n_ancillas, n_layers, self.levels < n_steps, n_classes > 0)
        self.steps = CircuitSteps(circuit, branches(), self.levels)

    def branches(
        self,
        sample: Complex[Tensor, "n d"],
        timestep: Int64[Tensor, "..."] | int,
        class_labels: Int64[Tensor, " n"] | None = None,
    ) -> tuple[Complex[Tensor, "n b d"], Float[Tensor, "n b"]]:
        """Every outcome of step t: the states of norm 1 that it leaves, and its probabilities.

        (N, 2^n_a, 2^n) and (N, 2^n_a), exact and differentiable; of a post-selected one the outcome 0 alone, with
        probability 1.

        Args:
            sample: (N, 2^n) states of norm 1.
            timestep: t in 0 … T-1, one for all or (N,); waits for the device.
            class_labels: (N,) in 0 … K-1; none for an unconditional chain.

        Raises:
            UsageError: another size of states, a level without a circuit, or labels that are missing, unknown or not
                asked for.
        """
        t = levels_of(timestep, sample, self.n_steps)
        told = torch.cat([sample, *self._angles(t, class_labels, sample.dtype)], dim=1)
        states, probabilities = self.steps(told, t if self.levels > 1 else torch.zeros_like(t))
        if self.post_selected:
            return states[:, :1], torch.ones_like(probabilities[:, :1])
        return states, probabilities

    def forward(
        self,
        sample: Complex[Tensor, "n d"],
        timestep: Int64[Tensor, "..."] | int,
        class_labels: Int64[Tensor, " n"] | None = None,
        return_dict: bool = True,
        generator: torch.Generator | None = None,
    ) -> Denoised:
        """The states (N, 2^n) that measuring the ancillas of step t leaves, one outcome of each drawn with `generator`
        (None: torch's own).

        Raises:
            UsageError: as `branches`.
        """
        return Denoised(drawn(*self.branches(sample, timestep, class_labels), generator))

    def _angles(self, t: Int64[Tensor, " n"], labels: Tensor | None, dtype: torch.dtype) -> list[Tensor]:
        """What a circuit is told beside the states: radians (N, 1) of level and class, where it needs them."""
        told = [(t, self.n_steps)] if self.levels < self.n_steps else []
        if not self.n_classes:
            refuse_labels(labels)
        elif labels is None or labels.shape != t.shape:
            given = "none" if labels is None else f"some of shape {tuple(labels.shape)}"
            raise UsageError(f"This chain is told the class of every state: give {len(t)} class labels, not {given}.")
        else:
            check_range("class labels", labels, self.n_classes)
            told.append((labels, self.n_classes))
        return [2 * math.pi / count * number[:, None].to(dtype) for number, count in told]


def step_circuit(
    n_qubits: int, n_ancillas: int, n_layers: int, timed: bool = False, conditional: bool = False
) -> Circuit:
    """The states' qubits, then the ancillas; these are measured.

    Inputs: the 2^n amplitudes, then the angle of RX on every wire where `timed`, that of RY on every ancilla where
    `conditional`.
    """
    wires = range(n_qubits + n_ancillas)
    turned = [("rx", wires)] * timed + [("ry", wires[n_qubits:])] * conditional
    turns = [Gate(name, (w,), input((1 << n_qubits) + k)) for k, (name, on) in enumerate(turned) for w in on]
    circuit = state_preparation(len(wires), wires[:n_qubits])
    if turns:
        circuit >>= circuit_of(len(wires), turns, "told")
    return circuit >> measured(cz_brickwork(len(wires), n_layers), wires[n_qubits:])
