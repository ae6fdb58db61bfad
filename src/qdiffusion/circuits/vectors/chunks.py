"""States through all blocks a piece at a time, in two buffers that stay in a processor's cache.

Nothing here is recorded by autograd; `adjoint` says what is computed. Fresh memory for every product would cost more
than the product: pages must be found, cleared and brought into the cache.
"""

from collections.abc import Iterator, Sequence
from itertools import product

import torch
from torch import Tensor

from qdiffusion.circuits.vectors.route import Sweep

CHUNK = 1 << 16
"""So many amplitudes, or one value of the wires outside the sweep, pass through all its blocks before the next ones.
Measured for 14 to 20 qubits: 2^16 to 2^18 are alike, 2^14 takes up to 30% longer, for the calls.
"""

Slices = tuple[slice, ...]
"""Of the axes L, R and O."""


def chunked_forth(sweeps: Sequence[Sweep], given: Tensor, matrices: Sequence[Tensor]) -> Tensor:
    """(L, R, 2^n) through all blocks, in a new tensor."""
    given = given.contiguous()  # else to arrange it may be no copy, and what is written below would reach the caller
    psi, buffers = given, _Buffers(1, given, sweeps)
    for sweep in sweeps:
        arranged = sweep.arrange(psi)
        psi = torch.empty_like(given) if arranged is given else arranged
        source, target = sweep.split(arranged), sweep.split(psi)
        for part in _chunks(source):
            state, spare = buffers.of(source[part].shape)
            state.copy_(source[part])
            for index, seat in sweep.steps:
                if seat.arrange.moves:
                    state, spare = seat.arrange(state, spare), state
                state, spare = seat.apply(_narrow(matrices[index], part), state, spare), state
            target[part] = state[0]
    return psi


def chunked_back(
    sweeps: Sequence[Sweep], psi: Tensor, gradient: Tensor, matrices: Sequence[Tensor], need: Sequence[bool]
) -> tuple[Tensor, list[Tensor | None]]:
    """From ψ_B and λ_B: λ_0, and Σ λ_b ψ_{b-1}^† of each block whose `need` is true."""
    daggers = [matrix.mH.resolve_conj() for matrix in matrices]
    sums = [torch.zeros_like(matrix) if wanted else None for matrix, wanted in zip(matrices, need, strict=True)]
    given = pair = [psi, gradient]
    buffers = _Buffers(2, psi, sweeps)
    spare: Tensor | None = None
    for sweep in reversed(sweeps):
        out = [torch.empty_like(psi) for _ in pair] if pair is given else pair
        _sweep_back(sweep, buffers, pair, out, daggers, sums)
        pair = out
        if sweep.arrange.moves:
            spare = torch.empty_like(psi) if spare is None else spare
            for place in range(2):
                pair[place], spare = sweep.arrange.undo(pair[place], spare), pair[place]
    return pair[1], sums


def _sweep_back(
    sweep: Sweep,
    buffers: "_Buffers",
    pair: list[Tensor],
    out: list[Tensor],
    daggers: Sequence[Tensor],
    sums: Sequence[Tensor | None],
) -> None:
    """ψ and λ to before the sweep, in `out`, which may be `pair`; adds to `sums`."""
    sources, targets = ([sweep.split(state) for state in states] for states in (pair, out))
    for part in _chunks(sources[0]):
        states, spare = buffers.of(sources[0][part].shape)
        for state, source in zip(states, sources, strict=True):
            state.copy_(source[part])
        for index, seat in reversed(sweep.steps):
            seat.apply(_narrow(daggers[index], part), states, spare)
            total = sums[index]
            if total is not None:
                # ψ_b is not read again; its place takes the conjugate.
                conjugate = torch.conj_physical(spare[0], out=states[0])
                total = _narrow(total, part)
                total += seat.outer(states[1], conjugate, total.shape[1])
            if seat.arrange.moves:
                seat.arrange.undo(spare, states)
            else:
                states, spare = spare, states
        for state, target in zip(states, targets, strict=True):
            target[part] = state


class _Buffers:
    """Two buffers, each for `count` chunks of states like (L, R, 2^n)."""

    def __init__(self, count: int, like: Tensor, sweeps: Sequence[Sweep]) -> None:
        self._count = count
        longest = max((sweep.length for sweep in sweeps), default=0)
        self._flat = like.new_empty(2, count * min(like.numel(), max(CHUNK, longest)))

    def of(self, shape: torch.Size) -> tuple[Tensor, Tensor]:
        """Both, shaped for a chunk."""
        first, second = (flat[: self._count * shape.numel()].view(self._count, *shape) for flat in self._flat)
        return first, second


def _chunks(psi: Tensor) -> Iterator[Slices]:
    """Slices of (L, R, O, 2^m) of at most `CHUNK` amplitudes: the last axes are kept whole as long as that goes."""
    lengths, room = [], max(1, CHUNK // psi.shape[-1])
    for size in reversed(psi.shape[:-1]):
        lengths.append(max(1, min(size, room)))
        room = max(1, room // lengths[-1])
    ranges = [range(0, size, length) for size, length in zip(psi.shape, reversed(lengths), strict=False)]
    for starts in product(*ranges):
        yield tuple(slice(start, start + each.step) for start, each in zip(starts, ranges, strict=True))


def _narrow(matrix: Tensor, part: Slices) -> Tensor:
    """The matrices (L, R or 1, d, d) of a chunk."""
    return matrix[part[0]] if matrix.shape[1] == 1 else matrix[part[:2]]
