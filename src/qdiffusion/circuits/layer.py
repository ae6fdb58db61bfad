"""Circuits as torch modules."""

import math
from copy import copy
from typing import Any

import torch
from torch import Tensor, nn

from qdiffusion.circuits.angles.gradients import transformed
from qdiffusion.circuits.angles.samples import pack, unpack
from qdiffusion.circuits.circuit import Circuit
from qdiffusion.circuits.given import check_amplitudes, check_densities, check_strength
from qdiffusion.circuits.observables import Expectations, Observable, pauli_z
from qdiffusion.circuits.picked import Picked
from qdiffusion.circuits.plans.computation import Output
from qdiffusion.circuits.plans.plan import Differentiation, Plan
from qdiffusion.errors import UsageError


class QuantumLayer(nn.Module):
    """A bank of circuits of one shape, each with its own weights, exactly simulated and differentiable.

    Output k of circuit c is the observable's k-th value in the state U(weights[c], x[…, c, :]) |0…0⟩.

    Args:
        circuit: an encoding and an ansatz, `angle_encoding(12) >> hqconv(3)`.
        observable: what is read out, ⟨Z⟩ of every wire by default.
        n_circuits: circuits in the bank; all run in one batched call.
        differentiation: "auto" is the cheaper of "backprop", which keeps intermediate states, and "adjoint", which
            un-computes them in a memory of a few states; "parameter-shift" evaluates shifted circuits instead. All are
            exact.
        shots: estimate Pauli observables from this many measurements in each basis, gradients by parameter shift from
            further ones; None computes them exactly.
        span: initial weights are U(0, span), radians; those that channels read as strengths U(0, 1), whatever it is.
        rate: the learning rate of the weights, relative to that of a network's other weights, which a training keeps to
            whatever it gives other circuits; None leaves it to the training.
        generator: draws the initial weights, and those of trainable observables, N(0, 1).
        check_norms: refuse amplitudes whose norm is not 1, density matrices that are none and strengths that are no
            probabilities, which waits for the device; a training that knows its states to be right does without.

    Attributes:
        weights: angles in radians at the gate, (n_circuits, n_weights), in the circuit's gate order.
        observable_weights: the free matrices of trainable Hermitians, (n_circuits, n_observable_weights), or None.
        plan: how it is computed; `plan.explain()` says so.

    Shape:
        x (*batch, n_circuits, n_inputs), real, radians; complex or real amplitudes, or the entries of a density matrix,
        first where the circuit prepares a state → (*batch, n_circuits, n_outputs) of the same real dtype; complex
        (…, 2^n) for `state()` and (…, 2^k, 2^k) for `density_matrix()`; for `branches()` complex states (…, B, 2^m), of
        mixed circuits density matrices (…, B, 2^m, 2^m), and real probabilities (…, B). Density matrices that are all
        the inputs may also be given as (*batch, n_circuits, 2^k, 2^k). Computed in the wider of x's and the weights'
        precision: float32/complex64 or float64/complex128.

    Raises:
        UsageError: a span or rate that is negative or infinite; x or weights of the wrong shape or dtype, amplitudes
            whose norm is not 1, matrices that are not Hermitian, positive and of trace 1, strengths outside [0, 1], no
            generator where chance is asked for, or a differentiation that the circuit and observable do not allow.
    """

    observable_weights: nn.Parameter | None

    def __init__(
        self,
        circuit: Circuit,
        observable: Observable | None = None,
        n_circuits: int = 1,
        *,
        differentiation: Differentiation = "auto",
        shots: int | None = None,
        span: float = 2 * math.pi,
        rate: float | None = None,
        generator: torch.Generator | None = None,
        check_norms: bool = True,
    ) -> None:
        super().__init__()
        if not isinstance(n_circuits, int) or n_circuits < 1:
            raise UsageError(f"A QuantumLayer needs a whole number of at least 1 circuit, not {n_circuits!r}.")
        if not 0 <= span < math.inf or (rate is not None and not 0 <= rate < math.inf):
            raise UsageError(f"A QuantumLayer got span {span} and rate {rate}; give finite numbers of at least 0.")
        self.circuit = circuit
        self.observable = pauli_z("each") if observable is None else observable
        self.n_circuits = n_circuits
        self.span, self.rate, self.check_norms = span, rate, check_norms
        self.plan = Plan(circuit, self.observable, differentiation=differentiation, shots=shots)
        self._own_plan = self.plan
        readout = self.observable.on(circuit.n_wires)
        n_observable_weights = readout.n_weights if isinstance(readout, Expectations) else 0
        self.weights = nn.Parameter(torch.empty(n_circuits, circuit.n_weights))
        trainable = nn.Parameter(torch.empty(n_circuits, n_observable_weights)) if n_observable_weights else None
        self.register_parameter("observable_weights", trainable)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draws the weights from U(0, span), strengths from U(0, 1), those of observables from N(0, 1)."""
        with torch.no_grad():
            self.weights.uniform_(0, self.span, generator=generator)
            strengths = sorted({angle.index for angle in self.circuit.strengths if angle.source == "weight"})
            if strengths:
                drawn = self.weights.new_empty(self.n_circuits, len(strengths))
                self.weights[:, strengths] = drawn.uniform_(generator=generator)
            if self.observable_weights is not None:
                self.observable_weights.normal_(generator=generator)

    def frozen(self) -> "QuantumLayer":
        """This layer, of the same weights, for as long as they do not change: the matrices that follow from them alone
        are built in the first call. It has no gradients.
        """
        layer = copy(self)
        layer._own_plan = self.plan.fixed()
        return layer

    def forward(
        self,
        x: Tensor,
        weights: Tensor | None = None,
        *,
        which: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Any:
        """Runs the bank; `weights`, broadcast to (*batch, n_circuits, n_weights), stand in for the layer's own where
        given; `generator` draws shots and sampled branches.

        With `which`, int64 (N,) in 0 … n_circuits - 1, each row of x (N, n_inputs) goes through its own circuit alone:
        (N, n_outputs). What depends on the weights is computed once for each circuit that some row goes through.
        """
        x = self._flat(x)
        if which is not None:
            return self._each_through_one(x, weights, which, generator)
        given = self.weights if weights is None else weights
        self._check(x, given)
        return self._run(self._own_plan if weights is None else self.plan, x, given, self.observable_weights, generator)

    def _flat(self, x: Tensor) -> Tensor:
        """Density matrices (…, 2^k, 2^k) as (…, 4^k)."""
        size = 1 << len(self.circuit.prepared)
        whole = self.circuit.density and self.circuit.n_inputs == size**2 and x.shape[-2:] == (size, size)
        return x.flatten(-2) if whole else x

    def _each_through_one(
        self, x: Tensor, weights: Tensor | None, which: Tensor, generator: torch.Generator | None
    ) -> Any:
        self._check_which(x, weights, which)
        picked = Picked.of(which)
        trainable = None if self.observable_weights is None else self.observable_weights[picked.used]
        outputs = self._run(self.plan, x[picked.rows], self.weights[picked.used], trainable, generator)
        return picked.back(outputs) if isinstance(outputs, Tensor) else tuple(map(picked.back, outputs))

    def _run(
        self, plan: Plan, x: Tensor, weights: Tensor, trainable: Tensor | None, generator: torch.Generator | None
    ) -> Any:
        dtype = torch.promote_types(torch.promote_types(x.real.dtype, weights.dtype), torch.float32)
        bank, inputs = pack(x.to(dtype.to_complex() if x.is_complex() else dtype), weights.to(dtype))
        # Autocast would run the products of a state's amplitudes in half precision.
        with torch.autocast(x.device.type, enabled=False):
            outputs = self._untraced(plan, bank, inputs, trainable, generator)
        if isinstance(outputs, Tensor):
            return unpack(outputs, x.shape[:-2])
        return tuple(unpack(output, x.shape[:-2]) for output in outputs)

    def _untraced(
        self, plan: Plan, weights: Tensor, inputs: Tensor, trainable: Tensor | None, generator: torch.Generator | None
    ) -> Output:
        """The plan's; Dynamo, which cannot trace gradients written by hand, breaks its graph around it."""
        if torch.compiler.is_compiling():
            from qdiffusion.circuits.untraced import untraced

            return untraced(plan, weights, inputs, trainable, generator)
        return plan(weights, inputs, trainable, generator)

    def _check(self, x: Tensor, weights: Tensor) -> None:
        n_inputs, n_weights = self.circuit.n_inputs, self.circuit.n_weights
        complex_allowed = x.is_complex() and self.circuit.prepared
        if x.ndim < 2 or x.shape[-2:] != (self.n_circuits, n_inputs) or not (x.is_floating_point() or complex_allowed):
            raise UsageError(
                f"QuantumLayer got x of shape {tuple(x.shape)} and {x.dtype}; it takes "
                f"{'amplitudes, then real angles,' if self.circuit.prepared else 'real angles'} of shape "
                f"(*batch, {self.n_circuits}, {n_inputs}): circuits, then inputs."
            )
        shape = (*x.shape[:-2], self.n_circuits, n_weights)
        if not _broadcasts(tuple(weights.shape), shape) or not weights.is_floating_point():
            raise UsageError(
                f"QuantumLayer got weights of shape {tuple(weights.shape)} and {weights.dtype}; they must be real and "
                f"broadcast to {shape}."
            )
        self._check_values(x, weights)

    def _check_which(self, x: Tensor, weights: Tensor | None, which: Tensor) -> None:
        if weights is not None:
            raise UsageError("QuantumLayer got both weights and which; which picks among the layer's own weights.")
        n_inputs = self.circuit.n_inputs
        if x.ndim != 2 or which.shape != x.shape[:1] or which.dtype != torch.int64 or not len(which):
            raise UsageError(
                f"QuantumLayer got x of shape {tuple(x.shape)} and which of shape {tuple(which.shape)} and "
                f"{which.dtype}; they must be (N, {n_inputs}) and int64 (N,), N at least 1."
            )
        if which.device.type == "cpu" and not 0 <= int(which.min()) <= int(which.max()) < self.n_circuits:
            raise UsageError(
                f"QuantumLayer got which from {int(which.min())} to {int(which.max())}; the bank has circuits 0 to "
                f"{self.n_circuits - 1}."
            )
        self._check(x[:1].unsqueeze(1).expand(-1, self.n_circuits, -1), self.weights)
        self._check_values(x, self.weights)

    def _check_values(self, x: Tensor, weights: Tensor) -> None:
        """States are states, strengths are probabilities; x (…, n_inputs), weights (…, n_weights)."""
        if not self.check_norms or transformed():
            return
        if self.circuit.prepared:
            given = x[..., : self.circuit.n_amplitudes].detach()
            (check_densities if self.circuit.density else check_amplitudes)(given)
        for strength in self.circuit.strengths:
            check_strength(strength, (weights if strength.source == "weight" else x.real).detach())

    def extra_repr(self) -> str:
        return f"{self.circuit.name}, n_circuits={self.n_circuits}, n_weights={self.circuit.n_weights}"


def _broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    if len(shape) > len(to) or len(shape) < 1 or shape[-1] != to[-1]:
        return False
    return all(have in (1, want) for have, want in zip(reversed(shape), reversed(to), strict=False))
