"""Each step alone: forward is an einsum, backward what autograd makes of that einsum."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_strategies import draws
from qdiffusion.circuits.gates import PAULI
from qdiffusion.circuits.trees.program.contractions import Absorb, Density, Diagonal, Flip, Meet, Mix, Overlap, Slice
from qdiffusion.circuits.trees.program.tape import Gradients, Slot, Tape
from qdiffusion.circuits.trees.program.unfolding import Unfolding

G, R = 2, 3
B = G * R
SIZES = (2, 4, 2, 3)
"""Of a ket's axes: a wire, a bond, a wire, a bond."""


def random(seed, *shapes):
    """Complex leaves."""
    parts = draws(seed, *((*shape, 2) for shape in shapes))
    return [torch.view_as_complex(part.detach()).requires_grad_() for part in parts]


def ket(psi):
    return psi.view(B, *SIZES)


def run(step, values, mixes=()):
    """What the step gives, as number len(values), and its tape."""
    tape = Tape(G, [mix.detach() for mix in mixes], [value.detach() for value in values])
    tape.values.append(step.forward(tape))
    return tape.values[-1], tape


def _like(value, seed):
    (drawn,) = (random if value.is_complex() else draws)(seed, tuple(value.shape))
    return drawn


def assert_backward_is_autograds(step, values, expected, into, mixes=(), seed=7):
    """The step's value is `expected`, a differentiable function of the leaves `values` and `mixes`; its gradients by
    the values numbered `into`, on top of earlier ones, and by the mixes, are autograd's.
    """
    got, tape = run(step, values, mixes)
    assert torch.allclose(got, expected, rtol=0, atol=1e-12)
    (cotangent,) = random(seed, tuple(got.shape)) if got.is_complex() else draws(seed, tuple(got.shape))
    wanted = torch.autograd.grad(expected, [*(values[number] for number in into), *mixes], cotangent.detach())
    earlier = [_like(values[number], seed + 1 + place) for place, number in enumerate(into)]
    gradients = Gradients(tape, {number: each.detach().clone() for number, each in zip(into, earlier, strict=True)})
    gradients.values[len(values)] = cotangent.detach().clone()
    step.backward(len(values), gradients)
    assert set(gradients.values) == set(into)
    found = [gradients.values[number] - each for number, each in zip(into, earlier, strict=True)]
    found += [gradients.mixes[number] for number in range(len(mixes))]
    for ours, theirs in zip(found, wanted, strict=True):
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-12)


def absorbed(psi, messages, place):
    """The second message of a stack, on the first bond."""
    return torch.einsum("bst,bwtvu->bwsvu", messages[:, place].flatten(0, 1), ket(psi)).flatten(1)


def test_absorb():
    psi, messages = random(1, (B, 48), (G, 3, R, 4, 4))
    step = Absorb(0, Unfolding(SIZES, (1,)), Slot(1, 2))
    assert_backward_is_autograds(step, [psi, messages], absorbed(psi, messages, 2), into=[0, 1])


@pytest.mark.parametrize("is_ket", [True, False])
def test_a_bras_gradient_goes_to_the_message_and_no_further(is_ket):
    psi, messages, as_ket, as_bra = random(2, (B, 48), (G, 3, R, 4, 4), (B, 48), (B, 48))
    step = Absorb(0, Unfolding(SIZES, (1,)), Slot(1, 2))
    _, tape = run(step, [psi, messages])
    gradients = Gradients(tape, {2: as_ket.detach().clone()} if is_ket else {}, {2: as_bra.detach().clone()})
    step.backward(2, gradients)
    total = as_bra + as_ket if is_ket else as_bra
    (to_message,) = torch.autograd.grad(absorbed(psi, messages, 2), [messages], total.detach())
    assert torch.allclose(gradients.values.pop(1), to_message, rtol=0, atol=1e-12)
    if is_ket:
        (to_ket,) = torch.autograd.grad(absorbed(psi, messages, 2), [psi], as_ket.detach())
        assert torch.allclose(gradients.values.pop(0), to_ket, rtol=0, atol=1e-12)
    assert not gradients.values
    assert not gradients.bras


@given(letters=st.tuples(st.sampled_from("IXYZ"), st.sampled_from("IXYZ")))
@settings(max_examples=16, deadline=None)
def test_flip(letters):
    (psi,) = random(3, (B, 48))
    first, second = (torch.tensor(PAULI[letter]) for letter in letters)
    expected = torch.einsum("xw,yv,bwsvu->bxsyu", first, second, ket(psi)).flatten(1)
    step = Flip(0, SIZES, tuple(zip((0, 2), letters, strict=True)))
    assert_backward_is_autograds(step, [psi], expected, into=[0])


@pytest.mark.parametrize("axis", [0, 2])
@pytest.mark.parametrize("bit", [0, 1])
def test_slice(axis, bit):
    (psi,) = random(4, (B, 48))
    expected = ket(psi).select(1 + axis, bit).flatten(1)
    assert_backward_is_autograds(Slice(0, SIZES, axis, bit), [psi], expected, into=[0])


def density(bra, psi, letters, kept):
    """Blocks of Σ conj(Φ) ψ, (G, blocks, R·D·D): `letters` name the axes, `kept` the wires and the bond."""
    primed = "".join(letter.upper() if letter in kept else letter for letter in letters)
    *wires, bond = kept
    rows, columns = "".join(wires), "".join(wires).upper()
    sizes = [SIZES["wsvu".index(letter)] for letter in letters]
    blocks = torch.einsum(
        f"gr{letters},gr{primed}->g{rows}{columns}r{bond}{bond.upper()}",
        *(each.view(G, R, *sizes) for each in (bra.conj(), psi)),
    )
    return blocks.flatten(1 + 2 * len(wires)).reshape(G, 4 ** len(wires), -1)


@pytest.mark.parametrize("wires", ["", "w", "v", "wv"])
def test_density(wires):
    """Blocks of the wires, then those of a slice that has lost the first wire; bras are constants here."""
    bra, psi, half_bra, half = random(5, (B, 48), (B, 48), (B, 24), (B, 24))
    kept = Unfolding(SIZES, tuple("wsvu".index(letter) for letter in (*wires, "s")))
    sliced = Unfolding(SIZES[1:], (0,))
    step = Density((Overlap(0, 1, kept, 2 ** len(wires)), Overlap(2, 3, sliced, 1)), bond=4)
    expected = [density(bra, psi, "wsvu", (*wires, "s")), density(half_bra, half, "svu", ("s",))]
    assert_backward_is_autograds(step, [bra, psi, half_bra, half], torch.cat(expected, 1), into=[1, 3])


def test_mix():
    blocks, mix = random(6, (G, 5, R * 16), (G, 3, 5))
    expected = torch.einsum("gnk,gkrst->gnrst", mix, blocks.view(G, 5, R, 4, 4))
    assert_backward_is_autograds(Mix(0, 0, bond=4), [blocks], expected, into=[0], mixes=[mix])


def signs(words):
    """The diagonals of words of Zs on the axes named."""
    bits = np.indices(SIZES)
    return torch.tensor(np.array([np.prod([1 - 2 * bits[axis] for axis in axes], axis=0) for axes in words]))


def test_diagonal():
    """The bra, not the state of a cluster, gets a gradient of its own."""
    bra, psi = random(8, (B, 48), (B, 48))
    step = Diagonal(1, 0, SIZES, ((0,), (2,), (0, 2)))
    expected = torch.einsum("kwsvu,bwsvu->bk", signs(step.words).double(), (ket(bra).conj() * ket(psi)).real)
    tape = Tape(G, [], [psi.detach()])
    tape.values += [bra.detach()]
    tape.values += [step.forward(tape)]
    assert torch.allclose(tape.values[2], expected, rtol=0, atol=1e-12)
    (cotangent,) = draws(9, (B, 3))
    gradients = Gradients(tape, {2: cotangent.detach()})
    step.backward(2, gradients)
    to_ket, to_bra = torch.autograd.grad(expected, [psi, bra], cotangent.detach())
    assert torch.allclose(gradients.values.pop(0), to_ket, rtol=0, atol=1e-12)
    assert torch.allclose(gradients.bras.pop(1), to_bra, rtol=0, atol=1e-12)
    assert not gradients.values
    assert not gradients.bras


def test_a_diagonal_of_one_state_gives_a_gradient_once():
    (psi,) = random(10, (B, 48))
    bra = psi.detach()
    step = Diagonal(0, 0, SIZES, ((2,),))
    expected = torch.einsum("kwsvu,bwsvu->bk", signs(step.words).double(), (ket(bra).conj() * ket(psi)).real)
    assert_backward_is_autograds(step, [psi], expected, into=[0])


def test_meet():
    """A message may meet several others."""
    first, second = random(11, (G, 2, R, 4, 4), (G, 3, R, 4, 4))
    step = Meet(0, (1, 0, 1), 1, (2, 0, 2))
    expected = torch.einsum("gprst,gprst->grp", first[:, [1, 0, 1]], second[:, [2, 0, 2]]).real.flatten(0, 1)
    assert_backward_is_autograds(step, [first, second], expected, into=[0, 1])


def test_meet_where_there_is_no_bond():
    (messages,) = random(12, (G, 2, R, 1, 1))
    expected = messages[:, [1, 1, 0]].real.flatten(2).mT.flatten(0, 1)
    assert_backward_is_autograds(Meet(0, (1, 1, 0), None, (0, 0, 0)), [messages], expected, into=[0])


def test_equal_steps_are_one_and_constants_do_not_count():
    """Steps are keys: what they have worked out from their fields makes no difference."""
    used = Flip(0, SIZES, ((0, "Y"),))
    used.forward(Tape(G, [], random(13, (B, 48))))
    assert {used: "once"}[Flip(0, SIZES, ((0, "Y"),))] == "once"
    assert used != Flip(0, SIZES, ((2, "Y"),))
