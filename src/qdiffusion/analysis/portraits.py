"""One state before it is scrambled, after that, and after what was trained has undone it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from qdiffusion.diffusion.system import System
from qdiffusion.metrics.undone import scrambled, undone
from qdiffusion.plots.states import MOST_QUBITS
from qdiffusion.states import (
    derived,
    fidelity,
    haar,
    magnitude_fidelity,
    mutual_information,
    negative_share,
    projector,
    schmidt_spectrum,
    sum_negativity,
    wigner,
)
from qdiffusion.states.checks import qubits_of
from qdiffusion.states.entropy import shannon_entropy

MOST_DRAWN = {"density": MOST_QUBITS, "hinton": MOST_QUBITS - 1, "wigner": MOST_QUBITS}
"""Qubits to which each figure of a matrix can be read."""


@dataclass(frozen=True)
class Portrait:
    """What is shown of one pure state of n qubits."""

    name: str
    fidelity: float
    """With the original."""
    magnitudes: float
    """Fidelity with the original that is left when phases do not count."""
    purity: float
    """tr ρ² of the whole state."""
    information: Tensor
    """Mutual information of the pairs of qubits, bits, (n, n)."""
    spectrum: Tensor
    """Squared Schmidt coefficients of the middle cut, qubits 0 … ⌊n/2⌋ - 1 from the others, descending."""
    density: Tensor | None
    """ρ, (2^n, 2^n); None of more than 6 qubits."""
    wigner: Tensor | None
    """The discrete Wigner function, (4^n,); None of more than 6 qubits."""

    @property
    def dominant(self) -> tuple[int, int]:
        """The pair of qubits that share most, the first of equals."""
        n_qubits = len(self.information)
        first, second = divmod(int(self.information.argmax()), n_qubits)
        return first, second

    @property
    def entropy(self) -> float:
        """Entanglement across the middle cut, bits."""
        return shannon_entropy(self.spectrum).item()

    @property
    def negative_share(self) -> float | None:
        """Of the points of the Wigner function."""
        return None if self.wigner is None else negative_share(self.wigner).item()

    @property
    def sum_negativity(self) -> float | None:
        """-Σ W over the points where W < 0."""
        return None if self.wigner is None else sum_negativity(self.wigner).item()


def portrait(name: str, state: Tensor, original: Tensor) -> Portrait:
    """The portrait of a state (2^n,), n at least 2, beside the original (2^n,); both of norm 1.

    Raises:
        UsageError: a state that is not of norm 1, or of fewer than 2 qubits.
    """
    n_qubits = qubits_of(state)
    density = projector(state) if n_qubits <= MOST_QUBITS else None
    return Portrait(
        name,
        fidelity(original, state).item(),
        magnitude_fidelity(original, state).item(),
        state.abs().square().sum().square().item(),
        mutual_information(state),
        schmidt_spectrum(state, range(n_qubits // 2)),
        density,
        None if density is None else wigner(density),
    )


def haar_negative_share(n_qubits: int) -> tuple[float, float]:
    """Mean and standard deviation of the negative share over 200 Haar-random states, always the same ones."""
    shares = negative_share(wigner(projector(haar(200, n_qubits, derived(0, n_qubits)))))
    return shares.mean().item(), shares.std().item()


def portraits(system: System, item: Tensor) -> tuple[Portrait, ...]:
    """Portraits of an item as the codec encodes it: "original", "scrambled" by the whole circuit, and "restored" from
    there by all steps of the denoiser.

    Raises:
        UsageError: states of fewer than 2 qubits.
    """
    with torch.no_grad():
        x0 = system.codec.encode(item.unsqueeze(0))
    x = scrambled(system, x0)
    states = {"original": x0, "scrambled": x, "restored": undone(system, x)}
    original = x0[0].cpu()
    return tuple(portrait(name, each[0].cpu(), original) for name, each in states.items())
