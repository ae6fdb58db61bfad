r"""Undoing a scrambling circuit that all states share, on fresh states in every step of the training.

With W_t = V_t S, what the denoiser is to undo at level t (the circuit's step t, or all of it up to there) and the
undoing, the cost of a level is one of

.. math:: 1 - E_ψ |⟨ψ| W_t |ψ⟩|^2, \quad
    1 - \frac1n \sum_j E_φ ⟨φ_j| \mathrm{tr}_{\bar j} W_t |φ⟩⟨φ| W_t^† |φ_j⟩

global, with Haar states ψ: 1 - (d F_e + 1) / (d + 1), F_e = |tr W_t|² / d² the entanglement fidelity; or local, with
products φ of Haar states of the qubits: ⅔ of the local Hilbert-Schmidt test 1 - (1/n) Σ_j ‖tr_j W_t‖² / 2^{n+1}, since
the mean fidelity of a channel of one qubit is (2 F_e + 1) / 3.

Of a random W the global cost has slopes that shrink as 4^-n, the local one of a shallow W does not. Entangled states
would not do for the latter: the qubits of Haar states are all alike.

Source: Khatri et al. 2019 (arXiv 1807.00800), equations 13 and 17; the average over states is Nielsen's 2002 (arXiv
quant-ph/0205035).
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from qdiffusion.diffusion.infidelity import check_levels
from qdiffusion.diffusion.scrambling import Scrambling
from qdiffusion.diffusion.system import Batch, Draw, MeasuredDenoiser, System
from qdiffusion.errors import UsageError
from qdiffusion.states import haar, infidelity, product, qubit_states


@dataclass(frozen=True)
class UndoObjective:
    """The mean cost of all steps; of a batch only the size counts."""

    cost: Literal["global", "local"] = "global"

    splittable = True
    trained = "denoiser.*"

    def check(self, system: System) -> None:
        """Raise UsageError where states do not share a circuit, or the denoiser measures."""
        system.codec.space.expect("states", "The objective undo")
        process = system.process
        if not isinstance(process, Scrambling) or process.shared is None:
            raise UsageError(
                "The objective undo takes a circuit that all states share, but the forward process is a "
                f"{type(process).__name__} of another kind; choose the forward process scrambler."
            )
        if isinstance(system.denoiser, MeasuredDenoiser):
            raise UsageError(
                f"The objective undo takes a denoiser without measurements, but was given a "
                f"{type(system.denoiser).__name__}; choose the model unitary."
            )
        check_levels(system)

    def prepare(self, system: System, items: Tensor, batch_size: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Nothing."""
        return {}

    def draw(self, system: System, batch: Batch, kept: dict[str, Tensor], generator: torch.Generator) -> Draw:
        """target and x (B, T, 2^n): as many fresh states as the batch has items, each at all levels t (B, T)."""
        process, count = system.process, len(batch.items)
        with torch.no_grad():
            drawn = (haar if self.cost == "global" else product)(count, system.codec.space.n_qubits("Undo"), generator)
            t = torch.arange(process.timesteps, device=batch.items.device).repeat(count)
            target = drawn.to(t.device).repeat_interleave(process.timesteps, dim=0)
            flat = {"target": target, "x": process.seen(target, t), "t": t}
        return {name: each.unflatten(0, (count, -1)) for name, each in flat.items()}

    def loss(self, system: System, draw: Draw) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """The cost, and {"fidelity": F}, the mean fidelity of whole states."""
        target, x, t = (draw[name].flatten(0, 1) for name in ("target", "x", "t"))
        undone = system.denoiser(x, t, return_dict=False)[0]
        fidelity = 1 - infidelity(target, undone).mean()
        loss = 1 - fidelity if self.cost == "global" else 1 - local_fidelity(target, undone).mean()
        return loss, {"fidelity": fidelity.detach()}


def local_fidelity(product: Complex[Tensor, "n d"], states: Complex[Tensor, "n d"]) -> Float[Tensor, " n"]:
    """The mean over qubits of tr φ_j ρ_j, φ_j pure."""
    return (qubit_states(product) * qubit_states(states).mT).sum((-1, -2)).real.mean(-1)
