r"""The quantum natural gradient as a torch optimiser: on the angles of circuits, with Adam on everything else.

.. math:: θ ← θ - η (\bar g + λ)^{-1} ∇L

for each circuit of a bank, g its Fubini-Study metric, the mean over the samples that ran through it since the last
step. Derivation: docs/natural-gradient.md. Stokes et al. 2020 (arXiv 1909.02108).
"""

import weakref
from collections.abc import Callable, Iterable
from inspect import signature
from typing import Any, cast

import torch
from torch import Tensor, nn

from qdiffusion.circuits import FubiniStudy, QuantumLayer
from qdiffusion.circuits.metric import repetition
from qdiffusion.errors import TrainingError, UsageError
from qdiffusion.training.config import Blocks

SINGULAR = 1e-12
"""A pivot below this share of the largest entry is rounding: the sum of a batch in float64 is good to 1e-15."""


class NaturalGradient(torch.optim.Adam):
    """The damped natural gradient on the angles of every `QuantumLayer` of a model, Adam on its other parameters.

    The layers' inputs are noted in every forward pass of the model in training mode that records gradients, those of
    all parts of a batch, and forgotten by `step`. Circuits of a bank that no sample ran through stay as they are.

    Args:
        model: whose layers are watched.
        groups: torch's parameter groups, with a rate each; angles and other parameters never share one.
        betas: Adam's.
        damping: λ, at least 0.
        metric: which entries of the metric count.
        averaging: ρ of the running mean ḡ_n = Σ_k ρ^(n-k) g_k / Σ_k ρ^(n-k) over the steps that reached a circuit, kept
            in the weights' precision; 0 takes each step's own metric.

    Raises:
        UsageError: no group holds angles, or the metric of a circuit exceeds the free memory.
    """

    def __init__(
        self,
        model: nn.Module,
        groups: Iterable[dict[str, Any]],
        *,
        betas: tuple[float, float] = (0.9, 0.99),
        damping: float = 1e-3,
        metric: Blocks = "full",
        averaging: float = 0.0,
    ) -> None:
        super().__init__(groups, betas=betas, fused=True)
        self._damping, self._averaging = damping, averaging
        moved = {parameter for group in self.param_groups for parameter in group["params"]}
        self._circuits: dict[Tensor, _Circuits] = {
            layer.weights: _Circuits(name, layer, metric)
            for name, layer in model.named_modules()
            if isinstance(layer, QuantumLayer) and layer.weights in moved
        }
        if not self._circuits:
            raise UsageError(
                "The optimiser natural moves the angles of circuits, and no circuit is trained here; choose adam."
            )

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every parameter that has a gradient.

        Raises:
            TrainingError: a metric is not finite or, damped, not positive definite, or angles have a gradient from
                passes that were not noted.
        """
        loss = None if closure is None else torch.enable_grad()(closure)()
        gradients: dict[Tensor, Tensor] = {}
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter in self._circuits:
                    self._move(parameter, group["lr"])
                    if parameter.grad is not None:
                        gradients[parameter], parameter.grad = parameter.grad, None
        super().step()  # which leaves alone what has no gradient
        for parameter, gradient in gradients.items():
            parameter.grad = gradient
        return loss

    def _move(self, angles: Tensor, rate: float) -> None:
        circuits, gradient = self._circuits[angles], angles.grad
        passes = circuits.seen.taken()
        if gradient is None or not gradient.any():
            return
        if not passes:
            raise TrainingError(
                f"The angles of {circuits.name} have a gradient, but its circuits ran with weights that are not its "
                "own, or not in training mode, so that there is no metric of them; choose the optimiser adam."
            )
        metric, counts = circuits.metric(angles, passes)
        used = counts.nonzero().flatten()
        averaged = self._averaged(angles, metric, counts > 0)[used] if self._averaging else metric[used]
        change = solve(averaged, gradient[used].double(), self._damping, circuits.name)
        angles.index_add_(0, used, change.to(angles.dtype), alpha=-rate)

    def _averaged(self, angles: Tensor, metric: Tensor, used: Tensor) -> Tensor:
        """The running mean, with this step's metric of the circuits `used` taken in."""
        state, keep = self.state[angles], self._averaging
        if not state:
            # "step", as Adam calls it and expects it in what is restored; here a number for each circuit.
            state["step"] = angles.new_zeros(len(angles), dtype=torch.float32)
            state["metric"] = metric.to(angles.dtype)
        state["step"] += used
        share = torch.where(used, (1 - keep) / (1 - keep ** state["step"].double()), 0).to(angles.dtype)
        state["metric"].lerp_(metric.to(angles.dtype), share[:, None, None])
        return cast(Tensor, state["metric"].double())


def solve(metric: Tensor, gradient: Tensor, damping: float, name: str) -> Tensor:
    """δ (U, P) of (g + λ) δ = gradient, by Cholesky, for metrics g (U, P, P) and gradients (U, P), float64.

    Raises:
        TrainingError: a metric is not finite or, damped, not positive definite beyond rounding; `name` says whose.
    """
    damped = metric + damping * torch.eye(metric.shape[-1], dtype=metric.dtype, device=metric.device)
    if not damped.isfinite().all():
        raise TrainingError(
            f"The Fubini-Study metric of {name} is infinite or NaN, as are some of its inputs or angles, or a "
            "post-selection is impossible; train again with a lower learning rate."
        )
    factor, failed = torch.linalg.cholesky_ex(damped)
    pivots, largest = factor.diagonal(dim1=-2, dim2=-1).square(), damped.diagonal(dim1=-2, dim2=-1).amax(-1)
    if failed.any() or (pivots.amin(-1) <= SINGULAR * largest).any():
        raise TrainingError(
            f"The Fubini-Study metric of {name} is singular: with a damping of {damping:g} it is not positive definite "
            "beyond rounding; give a larger damping, such as 1e-3."
        )
    return torch.cholesky_solve(gradient.unsqueeze(-1), factor).squeeze(-1)


class _Circuits:
    """A layer's circuits, with the inputs that they are seen to run on."""

    def __init__(self, name: str, layer: QuantumLayer, blocks: Blocks) -> None:
        self.name = name or layer.circuit.name
        self.seen = _Seen(layer)
        self._fubini_study = FubiniStudy(layer.circuit)
        self._block = {"full": layer.circuit.n_weights, "layer": repetition(layer.circuit), "diagonal": 1}[blocks]

    def metric(self, angles: Tensor, passes: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """The metric (C, P, P) in float64, entries between blocks 0, and the samples of each circuit (C,)."""
        inputs, which = (torch.cat(parts) for parts in zip(*passes, strict=True))
        wide = inputs.to(torch.complex128 if inputs.is_complex() else torch.float64)
        metric, counts = self._fubini_study(angles.double(), wide, which)
        block = torch.arange(angles.shape[-1], device=angles.device) // self._block
        return metric * (block == block.unsqueeze(-1)), counts


class _Seen:
    """Inputs (M, n_inputs) of a layer's forward passes, and the circuit of the bank that each ran through (M,)."""

    def __init__(self, layer: QuantumLayer) -> None:
        self._passes: list[tuple[Tensor, Tensor]] = []
        # The layer may outlive the optimiser, and copies of it keep the hook: neither may note anything.
        own, watched, parameters = weakref.ref(self), weakref.ref(layer), signature(layer.forward)

        def note(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            seen = own()
            if seen is not None and module is watched() and module.training and torch.is_grad_enabled():
                seen._note(parameters.bind(*args, **kwargs).arguments)

        weakref.finalize(self, layer.register_forward_hook(note, with_kwargs=True).remove)

    def _note(self, given: dict[str, Any]) -> None:
        if given.get("weights") is not None:  # not the layer's own
            return
        x, which = given["x"].detach(), given.get("which")
        if which is None:
            which = torch.arange(x.shape[-2], device=x.device).expand(x.shape[:-1])
        self._passes.append((x.flatten(0, -2), which.flatten()))

    def taken(self) -> list[tuple[Tensor, Tensor]]:
        """What was noted since this was last asked."""
        passes, self._passes = self._passes, []
        return passes
