r"""Random circuits that scramble states, a step a noise level.

.. math:: x_t = S_t \cdots S_0 x_{-1}, \quad S_t = C_{(t+1)m-1} \cdots C_{tm}

of m layers C_k each, whose angles are drawn for every state anew, or once for all; t = -1 is the state itself. A layer
is one of

* kicks: R_Z(α) R_Y(β) R_Z(γ) on every qubit, then R_ZZ(g / 2√n) on every pair; α, β, γ ~ U(-π/8, π/8) · h_k and one
  g ~ U(0.4, 0.6) · h_k a layer;
* ladder: a general rotation on every qubit, then CNOTs 0→1, 1→2, …; angles ~ U(0, 2π) · h_k;
* brickwork: the same, but with CNOTs 0→1, 2→3, … and 1→2, 3→4, … in turn.

h is given layer by layer, or rises evenly.

Source: Zhang et al. 2024 (arXiv 2310.05866), appendix on the forward circuit, for the kicks; the research log for the
ladder.
"""

import math
from collections.abc import Callable
from itertools import combinations
from typing import Any

import torch
from jaxtyping import Bool, Complex, Complex64, Float, Int64
from torch import Tensor, nn

from qdiffusion.circuits import (
    Circuit,
    Gate,
    Plan,
    brickwork,
    circuit_of,
    ladder_entangling,
    state,
    state_preparation,
    weight,
)
from qdiffusion.diffusion.grid import drawn_levels
from qdiffusion.diffusion.state_config import Layer, Prediction
from qdiffusion.diffusion.system import Noised
from qdiffusion.states import derived, haar


class Scrambling(nn.Module):
    """Scrambles states in T steps; what a denoiser is to say of x_t is x_{-1}, or x_{t-1}.

    Buffers:
        strengths: h (T m,) float32; not saved.
        shared: the angles (T m, 1, n_angles) float64 of all layers where all states share them, those of layer k drawn
            from (*key, k), so that a deeper circuit of the same key and a constant strength goes on where this one
            ends; else None.

    Args:
        n_qubits: n.
        timesteps: T.
        layers: m, of each step.
        layer: what a layer is.
        strength: h of the first and of the last layer, evenly spaced in between, or of each.
        key: whole numbers of at least 0 that set the circuit that all states share apart; None: each has its own.
        prediction: "clean" for x_{-1}, "previous" for x_{t-1}, which a circuit of all states alone can tell.
    """

    strengths: Tensor
    shared: Tensor | None

    def __init__(
        self,
        n_qubits: int,
        timesteps: int,
        layers: int = 1,
        layer: Layer = "kicks",
        strength: tuple[float, ...] = (1.0, 1.0),
        key: tuple[int, ...] | None = None,
        prediction: Prediction = "clean",
    ) -> None:
        super().__init__()
        self.timesteps, self.layers, self.kind, self.prediction = timesteps, layers, layer, prediction
        total = timesteps * layers
        h = torch.tensor(strength)
        if len(h) != total:
            h = torch.linspace(strength[0], strength[-1], total)
        self.register_buffer("strengths", h.float(), persistent=False)
        prepared = state_preparation(n_qubits)
        circuits = [_layer(layer, n_qubits, parity) for parity in range(2 if layer == "brickwork" else 1)]
        self._plans = [Plan(prepared >> circuit, state()) for circuit in circuits]
        shared = None
        if key is not None:
            n = self._plans[0].circuit.n_weights
            shape, each = (1, n), [derived(*key, k) for k in range(total)]
            uniform = torch.stack([torch.rand(shape, generator=one, dtype=torch.float64) for one in each])
            shared = self._angles(uniform)
        self.register_buffer("shared", shared, persistent=False)

    def levels(self, n: int, generator: torch.Generator) -> Int64[Tensor, " n"]:
        """Uniform in 0 … T-1, (n,)."""
        return drawn_levels(self.timesteps, n, generator, self.strengths.device)

    def angles(self, n: int, generator: torch.Generator) -> Float[Tensor, "layers n angles"]:
        """The angles of all layers of n states, (T m, n, n_angles), radians: (T m, 1, n_angles) where they share them,
        and nothing is drawn."""
        if self.shared is not None:
            return self.shared
        shape = (len(self.strengths), n, self._plans[0].circuit.n_weights)
        return self._angles(torch.rand(shape, generator=generator, device=generator.device).to(self.strengths.device))

    def noised(self, x0: Complex[Tensor, "n d"], t: Int64[Tensor, " n"], generator: torch.Generator) -> Noised:
        """x_t (N, 2^n) for states x₀ (N, 2^n) and t (N,) in -1 … T-1.

        The angles of all layers are drawn whatever t is: with equal generators, x_t is x_{t-1} a step further.
        """
        x = self._through(x0, self.angles(len(x0), generator), lambda step: step <= t)
        return Noised(x0, x, t, x0.new_empty(len(x0), 0))

    def target(self, noised: Noised) -> Complex[Tensor, "n d"]:
        """x_{-1}, or x_{t-1}, by `prediction`."""
        x0, t = noised.x0, noised.t
        return x0 if self.prediction == "clean" else self._through(x0, self._of_all, lambda step: step < t)

    def seen(self, target: Complex[Tensor, "n d"], t: Int64[Tensor, " n"]) -> Complex[Tensor, "n d"]:
        """What a denoiser is shown at levels t (N,) where it is to say `target`, any states (N, 2^n): x_t of this
        x_{-1} or, where the one before is predicted, of this x_{t-1}. For circuits that all states share.
        """
        first = t if self.prediction == "previous" else torch.zeros_like(t)
        return self._through(target, self._of_all, lambda step: (first <= step) & (step <= t))

    def prior(self, shape: tuple[int, ...], generator: torch.Generator) -> Complex64[Tensor, "n d"]:
        """Haar-random states (N, 2^n), complex64, on the process's device."""
        return haar(shape[0], shape[1].bit_length() - 1, generator).to(self.strengths.device)

    @property
    def caption(self) -> str:
        """How many layers there are, and whose."""
        total = len(self.strengths)
        if self.shared is not None:
            return f"One circuit of depth {total}, the same for every state, is applied to real states."
        if self.kind == "kicks":
            return f"Real states are kicked {total} times, each by random rotations of its own."
        return f"Real states go through {total} random layers, each state through its own."

    def label(self, t: int) -> tuple[str, ...]:
        """How deep the circuit is."""
        return ("state",) if t < 0 else (f"depth {(t + 1) * self.layers}",)

    def _through(
        self,
        x: Complex[Tensor, "n d"],
        angles: Float[Tensor, "layers b angles"],
        taken: Callable[[int], Bool[Tensor, " n"]],
    ) -> Complex[Tensor, "n d"]:
        """Each state through the steps that are taken by it, with its own row of angles, or the only one."""
        for step in range(self.timesteps):
            rows = taken(step).nonzero()[:, 0]
            if not len(rows):
                continue
            after: Any = x[rows]
            for k in range(step * self.layers, (step + 1) * self.layers):
                given = angles[k].to(x.real.dtype).unsqueeze(1)
                own = given if self.shared is not None else given[rows]
                after = self._plans[k % len(self._plans)](own, after.view(len(own), 1, -1, x.shape[-1]))
            x = x.index_copy(0, rows, after.view(len(rows), -1))
        return x

    @property
    def _of_all(self) -> Tensor:
        assert self.shared is not None
        return self.shared

    def _angles(self, uniform: Float[Tensor, "layers n angles"]) -> Float[Tensor, "layers n angles"]:
        """From chance in [0, 1)."""
        h = self.strengths.to(uniform.dtype).view(-1, 1, 1)
        if self.kind != "kicks":
            return 2 * math.pi * uniform * h
        return torch.cat([(uniform[..., :-1] - 0.5) * math.pi / 4, 0.4 + 0.2 * uniform[..., -1:]], -1) * h


def kick(n_qubits: int) -> Circuit:
    """Weights 3i, 3i + 1, 3i + 2 are α, β, γ of qubit i, the last is g."""
    gates = [Gate(name, (i,), weight(3 * i + place)) for i in range(n_qubits) for place, name in enumerate(_EULER)]
    g = weight(3 * n_qubits) * (0.5 / math.sqrt(n_qubits))
    gates += [Gate("rzz", pair, g) for pair in combinations(range(n_qubits), 2)]
    return circuit_of(n_qubits, gates, f"kick({n_qubits})", 3 * n_qubits + 1)


_EULER = ("rz", "ry", "rz")


def _layer(kind: Layer, n_qubits: int, parity: int) -> Circuit:
    if kind == "kicks":
        return kick(n_qubits)
    return ladder_entangling(n_qubits, 1) if kind == "ladder" else brickwork(n_qubits, 1, parity)
