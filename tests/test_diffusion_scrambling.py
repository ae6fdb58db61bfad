"""Processes that scramble states, against PennyLane and against what they promise."""

import math
from itertools import combinations, pairwise

import pennylane as qml
import pytest
import torch

from qdiffusion.data import Space
from qdiffusion.diffusion import ScramblerConfig, ScramblingConfig
from qdiffusion.errors import UsageError
from qdiffusion.states import derived, fidelities, haar, ladder_decay, saturation_depth, scrambling_depth

BOTH = [ScramblerConfig(2, 2), ScramblingConfig(3), ScramblingConfig(2, (1.0, 1.0), "brickwork")]


def states(n_qubits: int) -> Space:
    return Space("states", (2**n_qubits,))


def doubles(n: int, n_qubits: int, generator: torch.Generator) -> torch.Tensor:
    return torch.nn.functional.normalize(haar(n, n_qubits, generator).to(torch.complex128), dim=-1)


def level(n: int, t: int) -> torch.Tensor:
    return torch.full((n,), t)


def matrix(process: torch.nn.Module, n_qubits: int, t: int) -> torch.Tensor:
    """U of level t, in double precision, column by column."""
    basis = torch.eye(2**n_qubits, dtype=torch.complex128)
    return process.noised(basis, level(len(basis), t), torch.Generator()).x.mT


@pytest.mark.parametrize(("n_qubits", "depth", "layer"), [(1, 1, "ladder"), (4, 5, "ladder"), (4, 3, "brickwork")])
def test_a_scrambler_is_its_circuit(n_qubits, depth, layer):
    """The same angles, drawn from the same keys, through PennyLane's Rot and CNOT."""
    process = ScramblerConfig(depth, salt=7, layer=layer).build(states(n_qubits), seed=5)
    uniform = [torch.rand(n_qubits, 3, dtype=torch.float64, generator=derived(5, 7, k)) for k in range(depth)]

    def circuit() -> None:
        for k, rows in enumerate(uniform):
            for wire, angles in enumerate((2 * math.pi * rows).tolist()):
                qml.Rot(*angles, wires=wire)
            first, every = (k % 2, 2) if layer == "brickwork" else (0, 1)
            for wire in range(first, n_qubits - 1, every):
                qml.CNOT(wires=[wire, wire + 1])

    expected = torch.as_tensor(qml.matrix(circuit, wire_order=range(n_qubits))())
    torch.testing.assert_close(matrix(process, n_qubits, 0), expected, rtol=0, atol=1e-12)


def test_a_kicked_scrambler_kicks_all_states_alike():
    process = ScramblerConfig(2, layer="kicks").build(states(2), seed=3)
    first, second = process.shared[:, 0]
    expected = [kicked(kicked(psi, first, 2), second, 2) for psi in torch.eye(4, dtype=torch.complex128)]
    torch.testing.assert_close(matrix(process, 2, 0).mT, torch.stack(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("layer", ["ladder", "brickwork", "kicks"])
def test_a_deeper_scrambler_goes_on_where_a_shallow_one_ends(layer):
    """Of one key: steps of a layer each pass through every shallower circuit."""
    steps = ScramblerConfig(1, 4, salt=1, layer=layer).build(states(3), seed=2)
    for depth in (1, 2, 3, 4):
        whole = ScramblerConfig(depth, salt=1, layer=layer).build(states(3), seed=2)
        torch.testing.assert_close(matrix(whole, 3, 0), matrix(steps, 3, depth - 1), rtol=0, atol=1e-12)


def test_scramblers_are_alike_for_equal_keys_and_for_no_others():
    matrices = [
        matrix(ScramblerConfig(2, salt=salt).build(states(2), seed), 2, 0) for salt, seed in [(0, 0), (1, 0), (0, 1)]
    ]
    assert torch.equal(matrices[0], matrix(ScramblerConfig(2).build(states(2), 0), 2, 0))
    for one, other in combinations(matrices, 2):
        assert (one - other).abs().max() > 0.1


@pytest.mark.parametrize("prediction", ["clean", "previous"])
def test_what_is_asked_for_is_the_item_or_the_level_before(prediction, generator):
    process = ScramblerConfig(2, 2, prediction=prediction).build(states(3), seed=0)
    x0, t = doubles(6, 3, generator), torch.tensor([0, 1, 0, 1, 1, 0])
    noised = process.noised(x0, t, generator)
    before = x0 if prediction == "clean" else process.noised(x0, t - 1, generator).x
    assert torch.equal(process.target(noised), before)
    assert torch.equal(process.seen(before, t), noised.x)
    assert torch.equal(process.noised(x0, level(6, -1), generator).x, x0)


def kicked(psi: torch.Tensor, angles: torch.Tensor, n_qubits: int) -> torch.Tensor:
    """One kick of one state, by PennyLane."""

    def circuit() -> None:
        for wire in range(n_qubits):
            first, second, third = angles[3 * wire : 3 * wire + 3].tolist()
            qml.RZ(first, wires=wire)
            qml.RY(second, wires=wire)
            qml.RZ(third, wires=wire)
        for pair in combinations(range(n_qubits), 2):
            qml.IsingZZ(angles[-1].item() / (2 * math.sqrt(n_qubits)), wires=pair)

    return torch.as_tensor(qml.matrix(circuit, wire_order=range(n_qubits))()) @ psi


@pytest.mark.parametrize("n_qubits", [1, 2, 3])
def test_scrambling_kicks_each_state_by_angles_of_its_own(n_qubits, generator):
    process = ScramblingConfig(3, (0.5, 2.0)).build(states(n_qubits), seed=0)
    x0, t = doubles(4, n_qubits, generator), torch.tensor([-1, 0, 1, 2])
    noised = process.noised(x0, t, derived(9))
    angles = process.angles(4, derived(9)).double()
    for place, last in enumerate(t.tolist()):
        psi = x0[place]
        for k in range(last + 1):
            psi = kicked(psi, angles[k, place], n_qubits)
        torch.testing.assert_close(noised.x[place], psi, rtol=0, atol=1e-12)
    assert torch.equal(noised.x[0], x0[0])
    assert torch.equal(process.target(noised), x0)
    assert noised.noise.shape == (4, 0)


def test_levels_of_equal_generators_differ_by_one_kick(generator):
    """Each level's state in the next: |⟨x_t|x_{t+1}⟩|² is large for weak kicks, and is not for fresh chance."""
    process = ScramblingConfig(20, (0.3, 0.3)).build(states(2), seed=0)
    x0 = haar(200, 2, generator)
    levels = [process.noised(x0, level(200, t), derived(1)).x for t in range(-1, 20)]
    for one, other in pairwise(levels):
        near = fidelities(one, other).diagonal()
        assert near.min() > 0.85
        assert near.max() < 1
    fresh = process.noised(x0, level(200, 19), derived(2)).x
    assert fidelities(levels[-1], fresh).diagonal().mean() < 0.85


def test_angles_have_their_ranges(generator):
    """U(-π/8, π/8) h and U(0.4, 0.6) h, h from 1 to 4 in even steps."""
    angles = ScramblingConfig(4, (1.0, 4.0)).build(states(2), seed=0).angles(20_000, generator)
    for k, h in enumerate([1.0, 2.0, 3.0, 4.0]):
        rotations, g = angles[k, :, :-1], angles[k, :, -1]
        assert -math.pi / 8 * h <= rotations.min() < -0.999 * math.pi / 8 * h
        assert math.pi / 8 * h >= rotations.max() > 0.999 * math.pi / 8 * h
        assert abs(rotations.mean()) < 5 * math.pi / 8 * h / math.sqrt(3 * 20_000)
        assert 0.4 * h <= g.min() < 0.401 * h
        assert 0.6 * h >= g.max() > 0.599 * h


@pytest.mark.parametrize("strength", [(0.5, 0.0, 3.0), (0.7, 0.2), (2.0,)])
def test_strengths_may_be_given_layer_by_layer(strength, generator):
    """As if all were 1, times each."""
    n = len(strength)
    angles = ScramblingConfig(n, strength).build(states(2), seed=0).angles(5, derived(7))
    plain = ScramblingConfig(n, (1.0,) * n).build(states(2), seed=0).angles(5, derived(7))
    torch.testing.assert_close(angles, torch.tensor(strength)[:, None, None] * plain)


@pytest.mark.parametrize("t", [0, 9, 19])
def test_kicks_forget_the_state_at_their_rate(t, generator):
    """RZ leaves ⟨Z⟩, RY(β) multiplies its mean with E cos β = sin(a)/a for β ~ U(-a, a), a = h π/8."""
    process = ScramblingConfig(20, (1.0, 4.0)).build(states(1), seed=0)
    zero = torch.zeros(20_000, 2, dtype=torch.complex64)
    zero[:, 0] = 1
    overlaps = process.noised(zero, level(20_000, t), generator).x[:, 0].abs().square().double()
    widths = torch.linspace(1, 4, 20, dtype=torch.float64)[: t + 1] * math.pi / 8
    expected = (1 + (widths.sin() / widths).prod()) / 2
    assert abs(overlaps.mean() - expected) < 5 * overlaps.std() / math.sqrt(20_000)


@pytest.mark.parametrize("config", BOTH)
def test_levels_and_priors_are_those_of_the_process(config, generator):
    process = config.build(states(2), seed=0)
    assert process.timesteps == config.timesteps
    counts = torch.bincount(process.levels(3000, generator), minlength=process.timesteps)
    expected = 3000 / process.timesteps
    assert ((counts - expected).abs() <= 5 * math.sqrt(expected)).all()
    assert torch.equal(process.prior((6, 4), derived(3)), haar(6, 2, derived(3)))
    assert not list(process.state_dict())
    assert len({process.label(t) for t in range(-1, process.timesteps)}) == process.timesteps + 1


@pytest.mark.parametrize("config", BOTH)
def test_what_are_no_states_is_refused(config):
    with pytest.raises(UsageError, match="takes states"):
        config.build(Space("images", (1, 28, 28)), seed=0)


@pytest.mark.parametrize(
    "build",
    [
        lambda: ScramblerConfig(0),
        lambda: ScramblerConfig(1, salt=-1),
        lambda: ScramblerConfig().build(Space("states", (2**17,)), 0),
        lambda: ScramblerConfig(21, 10),
        lambda: ScramblerConfig(1, timesteps=0),
        lambda: ScramblingConfig(0),
        lambda: ScramblingConfig(3, (-1.0, 1.0)),
        lambda: ScramblingConfig(3, (1.0, math.inf)),
        lambda: ScramblingConfig(3, ()),
        lambda: ScramblingConfig(3, (1.0,)),
        lambda: ScramblingConfig(3, (1.0, 2.0, 3.0, 4.0)),
    ],
)
def test_impossible_processes_are_refused(build):
    with pytest.raises(UsageError):
        build()


def test_without_a_depth_the_last_step_has_scrambled() -> None:
    """As deep as measured: 1 - F of the ends of 8 qubits, the mean over circuits, is saturated there and not before."""
    found = saturation_depth(range(7, 19), ladder_decay(8, range(7, 19), 20, derived(0)).mean(0))
    assert scrambling_depth(8) - found in (0, 1)
    for timesteps in (1, 5):
        process = ScramblerConfig(None, timesteps).build(states(8), seed=0)
        assert 0 <= process.layers * timesteps - scrambling_depth(8) < timesteps
