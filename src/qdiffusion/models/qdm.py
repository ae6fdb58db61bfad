r"""Cacioppo et al. 2023's quantum diffusion model: circuits that are themselves the denoiser.

.. math:: |x_t⟩ → U_3\, φ\!\left(\frac{⟨b| U_2\, φ(U_1 |x_t⟩) |y⟩|0⟩}{\sqrt{p_b}}\right)

b is the outcome of measuring the label qubits, which come in as |y⟩, and the ancillas, which come in as |0⟩; φ is the
identity, or the complex LeakyReLU, normalised. The design stands in docs/qdm.md.

Source: arXiv 2311.15444, and the authors' later program.
"""

import math

import torch
from jaxtyping import Complex, Float, Int64
from torch import Tensor, nn

from qdiffusion.circuits import (
    Circuit,
    Gate,
    QuantumLayer,
    alternating_ladder,
    branches,
    circuit_of,
    input,
    measured,
    state,
    state_preparation,
)
from qdiffusion.models.complex_layers import ComplexLeakyReLU, unit
from qdiffusion.models.denoised import Denoised, drawn
from qdiffusion.models.inputs import check_range, levels_of, refuse_labels

ANGLE_STD = 0.7


class QDMNetwork(nn.Module):
    """Three circuits, on n, n + k + a and n qubits: k for the label, a ancillas.

    Angles start in N(0, 0.7²), from torch's global generator.

    Args:
        n_qubits: n, of the states.
        n_levels: noise levels T.
        n_classes: classes of the labels, which the fewest k qubits hold of which 2^k > n_classes; 0: unconditional.
        n_layers: layers of each circuit, of 3 angles a qubit.
        n_ancillas: a.
        measured: "post-selected", the outcome that labels and ancillas came in with is kept; "drawn", any.
        time: "own", angles of its own for each level; "shared", one set, which is told the level.
        activation: whether φ is the complex LeakyReLU.

    Attributes:
        levels: T, or 1 where angles are shared.
    """

    null_label = True

    def __init__(
        self,
        n_qubits: int,
        n_levels: int,
        n_classes: int,
        n_layers: int,
        n_ancillas: int,
        measured: str,
        time: str,
        activation: bool,
    ) -> None:
        super().__init__()
        shared = time == "shared"
        self.n_classes, self.n_levels, self.levels = n_classes, n_levels, 1 if shared else n_levels
        self.n_ancillas, self.post_selected = n_ancillas, measured == "post-selected"
        n_labels = n_classes.bit_length()
        self._register = 1 << n_labels
        self.first, self.third = (TimedCircuit(n_qubits, 0, 0, n_layers, n_levels, shared) for _ in range(2))
        self.second = TimedCircuit(n_qubits, n_labels, n_ancillas, n_layers, n_levels, shared)
        self.activation = nn.Sequential(ComplexLeakyReLU(), Unit()) if activation else nn.Identity()

    def branches(
        self,
        sample: Complex[Tensor, "n d"],
        timestep: Int64[Tensor, "..."] | int,
        class_labels: Int64[Tensor, " n"] | None = None,
    ) -> tuple[Complex[Tensor, "n b d"], Float[Tensor, "n b"]]:
        """The states of norm 1 that the step may leave, and their probabilities: (N, B, 2^n) and (N, B).

        Exact and differentiable; B = 1 where the outcome is post-selected, else 2^(k + a).

        Args:
            sample: (N, 2^n) states of norm 1.
            timestep: t in 0 … T-1, one for all or (N,).
            class_labels: (N,) in 0 … n_classes, n_classes for no label; None gives none to any.

        Raises:
            UsageError: a level or a label that there is none of, or labels for an unconditional model.
        """
        t = levels_of(timestep, sample, self.n_levels)
        labels = self._labels(class_labels, len(sample), sample.device)
        seen = torch.einsum("nd,nk->ndk", self.activation(self.first(sample, t)), self._basis(labels, sample.dtype))
        left = self.second(seen.flatten(1), t)
        states, probabilities = left if isinstance(left, tuple) else (left[:, None], left.real.new_ones(len(left), 1))
        if self.post_selected:
            kept = (labels << self.n_ancillas)[:, None]
            states = states.take_along_dim(kept[..., None], 1)
            probabilities = torch.ones_like(probabilities[:, :1])
        last = self.third(self.activation(states.flatten(0, 1)), t.repeat_interleave(states.shape[1]))
        return last.unflatten(0, states.shape[:2]), probabilities

    def forward(
        self,
        sample: Complex[Tensor, "n d"],
        timestep: Int64[Tensor, "..."] | int,
        class_labels: Int64[Tensor, " n"] | None = None,
        return_dict: bool = True,
        generator: torch.Generator | None = None,
    ) -> Denoised:
        """The states (N, 2^n) that the step leaves, an outcome of each drawn with `generator` (None: torch's own)
        where it is not post-selected; arguments and errors as for `branches`.
        """
        return Denoised(drawn(*self.branches(sample, timestep, class_labels), generator))

    def _labels(self, labels: Tensor | None, count: int, device: torch.device) -> Int64[Tensor, " n"]:
        if not self.n_classes:
            refuse_labels(labels)
        if labels is None:
            return torch.full((count,), self.n_classes, device=device)
        check_range("class labels", labels, self.n_classes + 1)
        return labels

    def _basis(self, labels: Int64[Tensor, " n"], dtype: torch.dtype) -> Tensor:
        return nn.functional.one_hot(labels, self._register).to(dtype)


class TimedCircuit(nn.Module):
    """Layers of rotations and CNOT chains on wires whose angles know the level.

    forward: states (N, 2^(n + k)), t (N,) → states (N, 2^n); where there are labels or ancillas, these are measured:
    (N, B, 2^n) and probabilities (N, B), B = 2^(k + a), the ancillas' bits behind the labels'.

    Args:
        n_qubits: n.
        n_labels: k, prepared with the states.
        n_ancillas: a, in |0⟩.
        n_layers: layers.
        n_levels: T.
        shared: all levels share one set of angles, and RX(2π t / T) on every wire tells them apart.
    """

    def __init__(
        self, n_qubits: int, n_labels: int, n_ancillas: int, n_layers: int, n_levels: int, shared: bool
    ) -> None:
        super().__init__()
        self.turn = 2 * math.pi / n_levels if shared else None
        circuit = step_circuit(n_qubits, n_labels, n_ancillas, n_layers, shared)
        read = branches() if n_labels + n_ancillas else state()
        self.layer = QuantumLayer(circuit, read, 1 if shared else n_levels, check_norms=False)
        nn.init.normal_(self.layer.weights, std=ANGLE_STD)

    def forward(self, psi: Complex[Tensor, "n d"], t: Int64[Tensor, " n"]) -> Tensor | tuple[Tensor, Tensor]:
        if self.turn is None:
            return self.layer(psi, which=t)
        told = torch.cat([psi, self.turn * t[:, None].to(psi.dtype)], dim=1)
        return self.layer(told, which=torch.zeros_like(t))


def step_circuit(n_qubits: int, n_labels: int, n_ancillas: int, n_layers: int, shared: bool) -> Circuit:
    """The states' qubits, the label's, the ancillas; all but the first are measured."""
    n_prepared = n_qubits + n_labels
    wires = range(n_prepared + n_ancillas)
    n_wires = len(wires)
    circuit = state_preparation(n_wires, wires[:n_prepared])
    if shared:
        turns = (Gate("rx", (wire,), input(1 << n_prepared)) for wire in wires)
        circuit >>= circuit_of(n_wires, turns, "level")
    return circuit >> measured(alternating_ladder(n_wires, n_layers), wires[n_qubits:])


class Unit(nn.Module):
    """ψ / ‖ψ‖, row by row."""

    def forward(self, psi: Complex[Tensor, "n d"]) -> Complex[Tensor, "n d"]:
        return unit(psi)
