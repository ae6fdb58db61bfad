"""QAMP 2025's hybrid U-Net: a classical encoder, circuits as its bottleneck, a decoder with a skip path around them.

    x ─ encoder ─ amplitudes ─ block 1 ─ Hadamard test ─ block 3 ─ readout ─ decoder ─ state
    └──────────────────────────────── skip ─────────────────────────────────────┘

Every noise level of every class has angles of its own. The released form has 861,104 parameters, 48,000 of them angles.
"""

from collections.abc import Callable

import torch
from jaxtyping import Complex, Float, Int64
from torch import Tensor, nn

from qdiffusion.circuits import Circuit, QuantumLayer, conv_grover, conv_phase, state, state_preparation
from qdiffusion.circuits.picked import Picked
from qdiffusion.errors import UsageError
from qdiffusion.models.complex_layers import ComplexLeakyReLU, ComplexLinear, unit
from qdiffusion.models.controls import ClassicalTwin
from qdiffusion.models.denoised import Denoised
from qdiffusion.models.inputs import check_range, levels_of, refuse_labels
from qdiffusion.models.readouts import READOUTS, Readout
from qdiffusion.models.variants import QAMPDeviations

ANSAETZE: dict[str, Callable[[int, int], Circuit]] = {"conv-phase": conv_phase, "conv-grover": conv_grover}
ANGLE_STD = 0.1
LINEAR, SMALL = 6.0, 1e-2
"""Of the other starts: biases in standard deviations of what they are added to, so that ReLU lets all of it pass;
and what the bottleneck's part is multiplied by."""


class QAMPNetwork(nn.Module):
    """Says of a noisy state which state it was a level before.

    Angles start in N(0, 0.1²), the rest as torch's own initialisation draws it, from torch's global generator; for the
    decoder there is another start.

    Args:
        n_qubits: of the states, 2^n_qubits amplitudes.
        n_levels: noise levels T, each with angles of its own.
        n_classes: classes, each with angles of its own; 0: unconditional.
        n_wires: qubits of the bottleneck.
        n_layers: repetitions of the ansatz in each of the three blocks.
        width: reals in the hidden layers of encoder and decoder.
        ansatz: "conv-phase" or "conv-grover".
        readout: one of `READOUTS`.
        n_observables: of the readout "hermitian".
        variant: "paper", "released", or deviations by name (`QAMPDeviations.parse`).
        control: what stands for the circuits: "none", they themselves; "zero", nothing comes out; "twin", classical
            maps with as many parameters.
        skip: whether the decoder sees the noisy state itself.
        start: "random"; or "identity": at first it gives back nearly that state, by W₂ ReLU(W₁x + b) - W₂b with
            orthonormal W₁ = W₂ᵀ and b large enough to keep ReLU linear. Noise then has not to be learnt to pass. Or
            "threshold": the same by x = ReLU(x) - ReLU(-x) of each real and imaginary part, of which what the
            bottleneck tells lets only pass what exceeds a threshold.

    Attributes:
        levels: T.

    Raises:
        UsageError: a size below 1, an ansatz, readout, control, variant or start that there is none of, or the start
            "identity" without a skip path or with fewer than 2^(n_qubits + 1) hidden reals, "threshold" than twice as
            many.

    Source: QAMP 2025, section 3.6, and its public program.
    """

    null_label = False

    def __init__(
        self,
        n_qubits: int,
        n_levels: int,
        n_classes: int,
        n_wires: int,
        n_layers: int,
        width: int,
        ansatz: str,
        readout: str,
        n_observables: int,
        variant: str,
        control: str,
        skip: bool,
        start: str = "random",
    ) -> None:
        super().__init__()
        _check(ansatz, readout, control, start, {"wires": n_wires, "layers": n_layers, "width": width})
        deviations = QAMPDeviations.parse(variant)
        self.levels, self.n_classes, self.skip = n_levels, n_classes, skip
        reals, latent = 2 << n_qubits, 1 << n_wires
        self.encoder = (RealEncoder if deviations.real_encoder else ComplexEncoder)(reals, width, latent)
        circuit, read = ANSAETZE[ansatz](n_wires, n_layers), READOUTS[readout](n_wires, n_observables)
        self.bottleneck = BOTTLENECKS[control](circuit, n_levels * max(1, n_classes), read, deviations)
        n_told = self.bottleneck.n_outputs + (reals if skip else 0)
        first, last = nn.Linear(n_told, width), nn.Linear(width, reals)
        self.decoder = nn.Sequential(first, nn.ReLU(), last)
        if start != "random":
            _check_start(start, skip, width, reals)
            STARTS[start](first, last)

    def forward(
        self,
        sample: Complex[Tensor, "n d"],
        timestep: Int64[Tensor, "..."] | int,
        class_labels: Int64[Tensor, " n"] | None = None,
        return_dict: bool = True,
        generator: torch.Generator | None = None,
    ) -> Denoised:
        """The states (N, 2^n_qubits), norm 1, that the noisy ones (N, 2^n_qubits) were a level before.

        Args:
            sample: states of norm 1.
            timestep: 0 … T-1, one for all or (N,).
            class_labels: (N,) in 0 … n_classes - 1; None for an unconditional network.
            generator: not used; the network has no chance.

        Raises:
            UsageError: labels that are missing, not asked for or unknown, or an unknown level.
        """
        which = self._which(sample, timestep, class_labels)
        told = self.bottleneck(self.encoder(sample), which)
        return Denoised(unit(torch.view_as_complex(self._decoded(told, sample).unflatten(1, (-1, 2)))))

    def _decoded(self, told: Float[Tensor, "n k"], sample: Complex[Tensor, "n d"]) -> Float[Tensor, "n r"]:
        """The decoder of what was told and, behind it, the noisy state: reals (N, 2^(n_qubits + 1))."""
        if not self.skip:
            return self.decoder(told)
        first = self.decoder[0]
        assert isinstance(first, nn.Linear)
        # Not as one product: the gradient by the noisy state would be a third of the decoder's, and nobody asks for it.
        by_told, by_sample = first.weight.tensor_split([told.shape[1]], dim=1)
        hidden = nn.functional.linear(_reals(sample), by_sample, first.bias) + nn.functional.linear(told, by_told)
        return self.decoder[1:](hidden)

    def _which(self, sample: Tensor, timestep: Tensor | int, labels: Tensor | None) -> Int64[Tensor, " n"]:
        """The circuit of each item: level by level, class by class."""
        t = levels_of(timestep, sample, self.levels)
        if self.n_classes == 0:
            refuse_labels(labels)
            return t
        if labels is None or labels.shape != t.shape:
            given = "none" if labels is None else f"some of shape {tuple(labels.shape)}"
            raise UsageError(
                f"Every class of this model has circuits of its own: give {len(t)} class labels, not {given}."
            )
        check_range("class labels", labels, self.n_classes)
        return t * self.n_classes + labels


class Bottleneck(nn.Module):
    """Three blocks of circuits on n wires, and what is read out of them.

    ψ₁ = U₁ψ;  z = Re ⟨φ₁|U₂ φ₁⟩;  ψ₂ = (φ₁ + U₂ φ₁)/‖·‖;  ψ₃ = U₃ φ₂;  φ_k = unit(LeakyReLU(ψ_k))

    z is ⟨Z⟩ of the ancilla of a Hadamard test of U₂, ψ₂ the state that its outcome 0 leaves. In the released program
    both outcomes' amplitudes are summed, which gives ψ₂ = φ₁ back: U₂ acts through z alone.

    forward: ψ (N, 2^n) of norm 1, which (N,) → float (N, n_outputs + 1): the readout of ψ₃, then z.

    Args:
        ansatz: U, of each block.
        n_circuits: sets of angles that `which` picks from.
        readout: from states to reals.
        deviations: whether branches are summed as in the released program.
    """

    def __init__(self, ansatz: Circuit, n_circuits: int, readout: Readout, deviations: QAMPDeviations) -> None:
        super().__init__()
        self.n_outputs = readout.n_outputs + 1
        circuit = state_preparation(ansatz.n_wires) >> ansatz
        self.first, self.second, self.third = (
            QuantumLayer(circuit, state(), n_circuits, check_norms=False) for _ in range(3)
        )
        for block in (self.first, self.second, self.third):
            nn.init.normal_(block.weights, std=ANGLE_STD)
        self.activation = ComplexLeakyReLU()
        self.branches_summed = deviations.branches_summed
        self.read = readout

    def forward(self, psi: Complex[Tensor, "n d"], which: Int64[Tensor, " n"]) -> Float[Tensor, "n k"]:
        phi = unit(self.activation(self.first(psi, which=which)))
        turned = self.second(phi, which=which)
        z = (phi.conj() * turned).sum(1).real
        tested = phi if self.branches_summed else unit(phi + turned)
        last = self.third(unit(self.activation(tested)), which=which)
        return torch.cat([self.read(last), z[:, None]], dim=1)


class TwinBottleneck(nn.Module):
    """Classical maps in place of the three blocks, each with as many parameters, and the same readout.

    h = ψ as 2^(n+1) reals;  h ← twin_k(h), k = 1, 2, 3 (`controls.ClassicalTwin`);  the readout of unit(h), mean h.

    forward: as `Bottleneck`.
    """

    def __init__(self, ansatz: Circuit, n_circuits: int, readout: Readout, deviations: QAMPDeviations) -> None:
        super().__init__()
        self.n_outputs = readout.n_outputs + 1
        self.maps = nn.ModuleList(ClassicalTwin(2 << ansatz.n_wires, ansatz.n_weights, n_circuits) for _ in range(3))
        self.read = readout

    def forward(self, psi: Complex[Tensor, "n d"], which: Int64[Tensor, " n"]) -> Float[Tensor, "n k"]:
        h, picked = _reals(psi), Picked.of(which)
        for each in self.maps:
            h = picked.back(each(h[picked.rows], picked.used))
        last = torch.complex(*h.chunk(2, dim=1))
        return torch.cat([self.read(unit(last)), h.mean(1, keepdim=True)], dim=1)


class Nothing(nn.Module):
    """A bottleneck that says nothing: zeros, in the shape of `Bottleneck`."""

    def __init__(self, ansatz: Circuit, n_circuits: int, readout: Readout, deviations: QAMPDeviations) -> None:
        super().__init__()
        self.n_outputs = readout.n_outputs + 1

    def forward(self, psi: Complex[Tensor, "n d"], which: Int64[Tensor, " n"]) -> Float[Tensor, "n k"]:
        return psi.real.new_zeros(len(psi), self.n_outputs)


BOTTLENECKS: dict[str, type[Bottleneck | TwinBottleneck | Nothing]] = {
    "none": Bottleneck,
    "twin": TwinBottleneck,
    "zero": Nothing,
}


class RealEncoder(nn.Module):
    """The released encoder: real and imaginary parts one behind the other, real layers, LayerNorm, norm 1.

    forward: complex (N, reals / 2) → complex (N, latent), imaginary parts 0.
    """

    def __init__(self, reals: int, width: int, latent: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(reals, width), nn.ReLU(), nn.Linear(width, latent), nn.LayerNorm(latent))

    def forward(self, x: Complex[Tensor, "n d"]) -> Complex[Tensor, "n latent"]:
        latent = self.layers(_reals(x))
        return unit(torch.complex(latent, torch.zeros_like(latent)))


class ComplexEncoder(nn.Module):
    """The paper's encoder: complex linear layers, which mix phases, and norm 1.

    forward: complex (N, reals / 2) → complex (N, latent).
    """

    def __init__(self, reals: int, width: int, latent: int) -> None:
        super().__init__()
        hidden = max(1, width // 2)
        self.layers = nn.Sequential(
            ComplexLinear(reals // 2, hidden), ComplexLeakyReLU(), ComplexLinear(hidden, latent)
        )

    def forward(self, x: Complex[Tensor, "n d"]) -> Complex[Tensor, "n latent"]:
        return unit(self.layers(x))


@torch.no_grad()
def _start_as_identity(first: nn.Linear, last: nn.Linear) -> None:
    """Let the decoder give back the reals that stand last in what it reads, as pairs."""
    by_told, by_sample = first.weight.tensor_split([first.in_features - last.out_features], dim=1)
    by_told.mul_(SMALL)
    by_sample.copy_(nn.init.orthogonal_(torch.empty_like(by_sample)))
    first.bias.fill_(LINEAR * first.out_features**-0.5)
    last.weight.copy_(by_sample.mT.unflatten(0, (2, -1)).transpose(0, 1).flatten(0, 1))
    last.bias.copy_(-last.weight @ first.bias)


@torch.no_grad()
def _start_with_thresholds(first: nn.Linear, last: nn.Linear) -> None:
    """Let the decoder give back the reals x that stand last in what it reads, as pairs: x = ReLU(x) - ReLU(-x)."""
    reals = last.out_features
    by_told, by_sample = first.weight.tensor_split([first.in_features - reals], dim=1)
    by_told.mul_(SMALL)
    pairs = torch.arange(reals).view(2, -1).mT.flatten()
    for whole in (by_sample, first.bias, last.weight, last.bias):
        whole.zero_()
    for sign, begin in ((1.0, 0), (-1.0, reals)):
        by_sample[begin : begin + reals].fill_diagonal_(sign)
        last.weight[torch.arange(reals), begin + pairs] = sign


STARTS = {"identity": _start_as_identity, "threshold": _start_with_thresholds}


def _check_start(start: str, skip: bool, width: int, reals: int) -> None:
    least = 2 * reals if start == "threshold" else reals
    if not skip or width < least:
        given = "no skip path" if not skip else f"{width} hidden reals"
        raise UsageError(
            f"A QAMP decoder with the start {start} begins as the identity of a noisy state that it sees, with {least} "
            f"hidden reals or more, but has {given}; choose skip true and width {least}, or start random."
        )


def _reals(x: Complex[Tensor, "n d"]) -> Float[Tensor, "n r"]:
    """Real parts, then imaginary parts."""
    return torch.cat([x.real, x.imag], dim=1)


def _check(ansatz: str, readout: str, control: str, start: str, sizes: dict[str, int]) -> None:
    for what, given, known in (
        ("ansatz", ansatz, ANSAETZE),
        ("readout", readout, READOUTS),
        ("control", control, BOTTLENECKS),
        ("start", start, ("random", *STARTS)),
    ):
        if given not in known:
            raise UsageError(f"There is no {what} {given!r} for QAMP; choose {' or '.join(known)}.")
    for what, size in sizes.items():
        if size < 1:
            raise UsageError(f"QAMP got {size} {what}; give at least 1.")
