"""Pauli words estimated from a finite number of measurements.

Words that agree on every wire where both have a letter are read from the same shots: before these, H turns X into Z on
a wire, S† and H turn Y into Z. A word's estimate is the mean over shots of the product of its wires' ±1.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits.angles.matrices import Constant
from qdiffusion.circuits.circuit import Gate
from qdiffusion.circuits.composite import sdg
from qdiffusion.circuits.observables import PauliWord
from qdiffusion.circuits.structure import Component
from qdiffusion.circuits.vectors.dense import DenseStates
from qdiffusion.errors import UsageError


class SampledWords:
    """Pauli words of K components alike, each basis with `shots` measurements of its own.

    Var = (1 - ⟨P⟩²) / shots for each word; those of one basis are correlated as they are in the state.
    """

    def __init__(self, components: Sequence[Component], words: Sequence[PauliWord], n_weights: int, shots: int) -> None:
        self._shots = shots
        self._bases = [
            Basis(
                [_turned(component, letters) for component in components],
                [words[index] for index in members],
                n_weights,
            )
            for letters, members in _bases(words)
        ]
        self._place = Constant(np.argsort([index for _, members in _bases(words) for index in members]))

    def __call__(self, weights: Tensor, inputs: Tensor, generator: torch.Generator | None) -> Tensor:
        """→ (W, C, K, R, number of words)."""
        if generator is None:
            raise UsageError("Shots need a torch.Generator: layer(x, generator=...).")
        with torch.no_grad():
            found = torch.cat([basis(weights, inputs, self._shots, generator) for basis in self._bases], -1)
        return found[..., self._place.like(found)]

    def explain(self) -> str:
        return f"{self._shots} shots in each of {len(self._bases)} bases"


class Basis:
    """Words that are products of Z after the turns of one basis."""

    def __init__(self, components: Sequence[Component], words: Sequence[PauliWord], n_weights: int) -> None:
        self._states = DenseStates(components, n_weights)
        order = self._states.order
        self._bits = Constant(np.arange(len(order))[::-1].copy())
        self._places = [[order.index(wire) for wire, _ in word] for word in words]

    def __call__(self, weights: Tensor, inputs: Tensor, shots: int, generator: torch.Generator) -> Tensor:
        psi = self._states(weights, inputs)
        chances = psi.abs().square().flatten(0, -2)
        drawn = torch.multinomial(chances, shots, replacement=True, generator=generator)
        signs = 1 - 2 * (drawn.unsqueeze(-1) >> self._bits.like(chances) & 1)
        means = [signs[..., places].prod(-1).to(chances.dtype).mean(-1) for places in self._places]
        return torch.stack(means, -1).unflatten(0, psi.shape[:-1])


def _bases(words: Sequence[PauliWord]) -> list[tuple[dict[int, str], list[int]]]:
    """The letter of each wire, and the words read so; each word joins the first basis that it agrees with."""
    found: list[tuple[dict[int, str], list[int]]] = []
    for index, word in enumerate(words):
        agreeing = (basis for basis in found if all(basis[0].get(wire, x) == x for wire, x in word))
        basis = next(agreeing, None)
        if basis is None:
            basis = ({}, [])
            found.append(basis)
        basis[0].update(word)
        basis[1].append(index)
    return found


def _turned(component: Component, letters: dict[int, str]) -> Component:
    """The component, X and Y turned into Z."""
    turns = {"X": lambda wire: (Gate("h", (wire,)),), "Y": lambda wire: (*sdg(wire), Gate("h", (wire,)))}
    gates = [gate for wire, letter in letters.items() if letter in turns for gate in turns[letter](wire)]
    return replace(component, gates=(*component.gates, *gates))
