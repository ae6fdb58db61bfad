r"""A state and its derivatives by the weights, side by side through the fused blocks.

.. math::
    ψ → U ψ, \quad ∂_i ψ → U ∂_i ψ + (∂_i U) ψ, \quad
    ∂_i U = Σ_g M_G … M_{g+1} (∂_i M_g) M_{g-1} … M_1

for a block U = M_G … M_1, the sum over its gates that read weight i. A derivative exists from the first block on that
reads its weight: before it is 0, and nothing is computed.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits import structure
from qdiffusion.circuits.angles.composition import GateProducts
from qdiffusion.circuits.angles.matrices import Constant
from qdiffusion.circuits.angles.picking import GateAngles, angle_row
from qdiffusion.circuits.circuit import Angle, Gate
from qdiffusion.circuits.gates import embed
from qdiffusion.circuits.structure import FUSED_WIRES, Component, renumber
from qdiffusion.circuits.vectors.dense import extended
from qdiffusion.circuits.vectors.route import Seat
from qdiffusion.circuits.vectors.seating import route


class Tangents:
    """The final state of a component and its derivatives, for a bank of circuits; not normalised after post-selection.

    Args:
        component: what is run.
        n_weights: the circuit's count of weights.

    Attributes:
        weights: those that the component reads, in the order of the derivatives.
        size: numbers that a sample takes, those of the matrices of one circuit where they are more.
    """

    def __init__(self, component: Component, n_weights: int) -> None:
        free = [wire for wire in range(len(component.wires)) if wire not in component.prepared]
        self._n_amplitudes = 1 << len(component.prepared) if component.prepared else 0
        self._n_idle = len(free)
        fused = structure.fuse(component.gates)
        self._route = route((*component.prepared, *free), [block.wires for block in fused])
        self.weights = read_weights(gate for index, _ in self._steps for gate in fused[index].gates)
        n_wires = len(component.wires)
        self.size = (1 + len(self.weights)) << max(n_wires, 2 * min(n_wires, FUSED_WIRES))
        self._blocks = [
            _InputBlock(renumber(block.gates, register), n_weights)
            if block.per_sample
            else _WeightBlock(renumber(block.gates, register), n_weights, self.weights)
            for block, register in zip(fused, self._route.registers, strict=True)
        ]

    @property
    def _steps(self) -> Iterator[tuple[int, Seat]]:
        return (step for sweep in self._route.sweeps for step in sweep.steps)

    def __call__(self, weights: Tensor, inputs: Tensor) -> Tensor:
        """Weights (C, n_weights) and inputs (C, R, n_inputs) → (1 + len(self.weights), C, R, 2^n): ψ, then each ∂ψ; the
        wires in any order.
        """
        stack = self._start(weights, inputs).unsqueeze(0)
        row = angle_row(weights.unsqueeze(0), inputs.real.unsqueeze(0))[0]
        for sweep in self._route.sweeps:
            part = sweep.split(sweep.arrange(stack))
            for index, seat in sweep.steps:
                part = self._through(index, seat, seat.arrange(part), weights, row)
            stack = part.flatten(-2)
        return stack

    def _start(self, weights: Tensor, inputs: Tensor) -> Tensor:
        """The prepared wires' amplitudes, |0…0⟩ behind them."""
        dtype = weights.dtype.to_complex()
        if self._n_amplitudes:
            given = inputs[..., : self._n_amplitudes].to(dtype)
        else:
            given = torch.ones(*inputs.shape[:-1], 1, dtype=dtype, device=weights.device)
        return extended(given, self._n_idle)

    def _through(self, index: int, seat: Seat, part: Tensor, weights: Tensor, row: Tensor) -> Tensor:
        """ψ and the derivatives that there are, (1 + q, C, R, O, 2^m), through a block, and those that it adds."""
        matrix, slopes = self._blocks[index](weights, row)
        moved = seat.apply(matrix, part)
        if slopes is None:
            return moved
        places = self._blocks[index].places
        copies = part[:1].expand(len(places), *part.shape[1:]).flatten(0, 1).unsqueeze(0)
        added = seat.apply(slopes.flatten(0, 1), copies).view(len(places), *part.shape[1:])
        n_known = sum(place < len(part) - 1 for place in places)
        for place, more in zip(places, added[:n_known], strict=False):
            moved[1 + place] += more
        return torch.cat([moved, added[n_known:]])


class _InputBlock:
    """Gates that read inputs, on a register of their own: a matrix a sample."""

    places: tuple[int, ...] = ()

    def __init__(self, gates: Sequence[Gate], n_weights: int) -> None:
        self._products = GateProducts([[gates]], _register(gates), n_weights)

    def __call__(self, weights: Tensor, row: Tensor) -> tuple[Tensor, None]:
        """U (C, R, d, d) for angles (C, R, n_angles)."""
        return self._products(row)[..., 0, 0, :, :], None


class _WeightBlock:
    """Gates that read weights or constants, on a register of their own.

    Args:
        known: all weights, in the order of the derivatives.

    Attributes:
        places: which of these the gates read, ascending.
    """

    def __init__(self, gates: Sequence[Gate], n_weights: int, known: Sequence[int]) -> None:
        self.places = tuple(sorted(map(known.index, read_weights(gates))))
        own, n_wires = [known[place] for place in self.places], len(_register(gates))
        terms = np.stack([embed(gate.kind.terms, gate.wires, n_wires) for gate in gates], 1)
        self._terms = [Constant(term) for term in terms]
        frequencies = [gate.kind.frequency or 0.0 for gate in gates]
        self._phases = GateAngles(gates, n_weights, frequencies)
        angles = [gate.angle or Angle("constant") for gate in gates]
        self._readers = [
            (place, own.index(angle.index), frequency * angle.scale)
            for place, (angle, frequency) in enumerate(zip(angles, frequencies, strict=True))
            if angle.source == "weight"
        ]

    def __call__(self, weights: Tensor, row: Tensor) -> tuple[Tensor, Tensor | None]:
        """U (C, 1, d, d) and its derivatives by the block's weights, (q, C, 1, d, d)."""
        phases = self._phases(weights)[..., None, None]
        fixed, cosine, sine = (term.like(weights) for term in self._terms)
        gates = (fixed + phases.cos() * cosine + phases.sin() * sine).unbind(1)
        identity = torch.eye(fixed.shape[-1], dtype=fixed.dtype, device=fixed.device).expand_as(gates[0])
        before = list(accumulate(gates, lambda product, gate: gate @ product, initial=identity))
        if not self.places:
            return before[-1].unsqueeze(1), None
        changes = (phases.cos() * sine - phases.sin() * cosine).unbind(1)
        after = list(accumulate(reversed(gates), lambda product, gate: product @ gate, initial=identity))[-2::-1]
        slopes = fixed.new_zeros(len(self.places), *gates[0].shape)
        for gate, weight, rate in self._readers:
            slopes[weight] += rate * (after[gate] @ changes[gate] @ before[gate])
        return before[-1].unsqueeze(1), slopes.unsqueeze(2)


def _register(gates: Sequence[Gate]) -> range:
    return range(1 + max(wire for gate in gates for wire in gate.wires))


def read_weights(gates: Iterable[Gate]) -> tuple[int, ...]:
    """The weights that gates read, each once, in the order in which they are first read."""
    angles = [gate.angle for gate in gates if gate.angle is not None]
    return tuple(dict.fromkeys(angle.index for angle in angles if angle.source == "weight"))
