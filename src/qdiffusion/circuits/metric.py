r"""The Fubini-Study metric of a circuit's final state, exact.

.. math:: g_{ij} = \mathrm{Re} ⟨Φ_i|Φ_j⟩, \quad |Φ_i⟩ = \frac{|∂_i ψ⟩}{‖ψ‖} - |\hat ψ⟩ \frac{⟨\hat ψ|∂_i ψ⟩}{‖ψ‖},
    \quad |\hat ψ⟩ = \frac{|ψ⟩}{‖ψ‖}

which for states of norm 1 is Re⟨∂_i ψ|∂_j ψ⟩ - Re(⟨∂_i ψ|ψ⟩⟨ψ|∂_j ψ⟩). Components that no gate joins are computed
apart: the metric of a product state is the sum of its factors'. Derivation: docs/natural-gradient.md.
"""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from qdiffusion.capacity import check_memory
from qdiffusion.circuits import structure
from qdiffusion.circuits.circuit import Circuit, Gate
from qdiffusion.circuits.picked import Picked
from qdiffusion.circuits.plans.deferral import defer
from qdiffusion.circuits.structure import Component
from qdiffusion.circuits.vectors.tangents import Tangents, read_weights
from qdiffusion.errors import UsageError

AT_ONCE = 1 << 19
"""So many amplitudes, states and derivatives together (8 MB in complex128), are computed at once."""

COPIES = 3
"""States and derivatives before a block, arranged for it, and behind it."""


class FubiniStudy:
    """The metric of a circuit's final state, averaged over samples.

    The state is the one before anything is read: normalised after post-selection, and with measurements put off to the
    end, so that ancillas belong to it.

    Args:
        circuit: what is run.

    Raises:
        UsageError: the circuit has channels or begins in a density matrix, or a state and its derivatives exceed the
            free memory.
    """

    def __init__(self, circuit: Circuit) -> None:
        self._circuit = circuit
        if circuit.is_mixed:
            raise UsageError(
                f"The Fubini-Study metric is one of pure states, and {circuit.name} is mixed; leave its channels out "
                "or choose another optimiser."
            )
        pure = defer(circuit, ()).circuit
        components = structure.split_components(pure.n_wires, pure.gates, pure.prepared)
        trained = [component for component in components if read_weights(component.gates)]
        for component in trained:
            _check_memory(component)
        self._parts = [Tangents(component, circuit.n_weights) for component in trained]

    @torch.no_grad()
    def __call__(self, weights: Tensor, x: Tensor, which: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The metric of each circuit of a bank.

        Args:
            weights: (C, n_weights), radians.
            x: (*batch, C, n_inputs), as for a `QuantumLayer`; with `which` (*batch, n_inputs) or (*batch, 1, n_inputs).
            which: int64 (*batch,), the circuit of the bank that each sample ran through; None: every one.

        Returns:
            (C, n_weights, n_weights), the mean over a circuit's samples, in the wider of x's and the weights'
            precision; and how many these are, int64 (C,). Without samples the metric is 0.

        Raises:
            UsageError: x, weights or `which` of the wrong shape, or circuits that there are not.
        """
        rows, circuits = self._rows(weights, x, which)
        dtype = torch.promote_types(weights.dtype, rows.real.dtype)
        rows = rows.to(dtype.to_complex() if rows.is_complex() else dtype)
        metric = weights.new_zeros(*weights.shape, weights.shape[-1], dtype=dtype)
        counts = circuits.bincount(minlength=len(weights))
        if not len(rows):
            return metric, counts
        picked, own = Picked.of(circuits), weights.to(dtype)
        places, n_own = picked.rows.T, picked.counts[:, None]
        shares = (torch.arange(places.shape[1], device=places.device) < n_own).to(dtype) / n_own
        for part in self._parts:
            index = torch.tensor(part.weights, device=weights.device)
            for some, samples in _pieces(places, part.size):
                bank = picked.used[some]
                states = part(own[bank], rows[places[some, samples]])
                metric[bank[:, None, None], index[:, None], index] += _gram(states, shares[some, samples])
        return metric, counts

    def _rows(self, weights: Tensor, x: Tensor, which: Tensor | None) -> tuple[Tensor, Tensor]:
        """Inputs (M, n_inputs) and the circuit of each, (M,)."""
        n_circuits, circuit = len(weights), self._circuit
        batch = x.shape[:-1] if which is None else which.shape
        fits = x.shape[-2:-1] == (n_circuits,) if which is None else x.shape[:-1] in (batch, (*batch, 1))
        if weights.shape != (n_circuits, circuit.n_weights) or x.shape[-1:] != (circuit.n_inputs,) or not fits:
            raise UsageError(
                f"The metric of {circuit.name} got weights of shape {tuple(weights.shape)} and x of shape "
                f"{tuple(x.shape)}{'' if which is None else f' for {tuple(batch)} chosen circuits'}; it takes (C, "
                f"{circuit.n_weights}) and (*batch, C, {circuit.n_inputs}), with `which` (*batch, {circuit.n_inputs})."
            )
        if which is None:
            return x.flatten(0, -2), torch.arange(n_circuits, device=x.device).expand(batch).flatten()
        if which.numel() and not 0 <= int(which.min()) <= int(which.max()) < n_circuits:
            raise UsageError(
                f"The metric was asked for circuits {int(which.min())} to {int(which.max())} of a bank that has 0 to "
                f"{n_circuits - 1}; give their numbers."
            )
        return x.flatten(0, -2), which.flatten()


def repetition(circuit: Circuit) -> int:
    """How many weights one repetition of the circuit's ansatz has: the least p that divides their number and after
    which gates, and how they read a weight, are the same again; all weights where nothing repeats.
    """
    roles: list[list[Gate]] = [[] for _ in range(circuit.n_weights)]
    for gate in circuit.gates:
        if gate.angle is not None and gate.angle.source == "weight":
            roles[gate.angle.index].append(replace(gate, angle=replace(gate.angle, index=0)))
    count = max(1, len(roles))
    return next(p for p in range(1, count + 1) if count % p == 0 and roles[p:] == roles[:-p])


def _gram(states: Tensor, shares: Tensor) -> Tensor:
    """Σ_r share_r Re⟨Φ_i|Φ_j⟩ (C, q, q) of ψ and ∂ψ (1 + q, C, R, 2^n) and shares (C, R)."""
    psi, changes = states[0], states[1:]
    norms = torch.linalg.vector_norm(psi, dim=-1, keepdim=True)
    unit = psi / norms
    along = (unit.conj() * changes).sum(-1, keepdim=True)
    across = (changes - unit * along) * (shares.sqrt().unsqueeze(-1) / norms)
    flat = torch.view_as_real(across).transpose(0, 1).flatten(2)
    return flat @ flat.mT


def _pieces(places: Tensor, size: int) -> Iterator[tuple[slice, slice]]:
    """Slices of `places` (C, R), of at most `AT_ONCE` amplitudes where each sample has `size`, as far as that goes."""
    (n_circuits, n_samples), room = places.shape, max(1, AT_ONCE // size)
    circuits = min(room, n_circuits)
    samples = min(room // circuits, n_samples)
    for first in range(0, n_circuits, circuits):
        for start in range(0, n_samples, samples):
            yield slice(first, first + circuits), slice(start, start + samples)


def _check_memory(component: Component) -> None:
    n_wires, n_weights = len(component.wires), len(read_weights(component.gates))
    what = f"The Fubini-Study metric of {n_weights} weights on {n_wires} joined wires"
    check_memory(COPIES * 16 * (1 + n_weights) << n_wires, what, "give fewer wires or layers, or choose Adam")
