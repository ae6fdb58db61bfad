"""Circuits that denoise states, against the reference simulator and PennyLane."""

import fnmatch
import math

import pennylane as qml
import pytest
import torch

from qdiffusion.circuits import cz_brickwork, ladder_entangling, measured, mirrored_ladder, state_preparation
from qdiffusion.circuits.reference import simulate, simulate_branches
from qdiffusion.data import Space
from qdiffusion.diffusion import ScramblerConfig
from qdiffusion.errors import UsageError
from qdiffusion.models import (
    ChainConfig,
    ChainDenoiser,
    MixedChainConfig,
    MixedChainDenoiser,
    UnitaryConfig,
    UnitaryDenoiser,
)
from qdiffusion.states import haar, partial_trace, projector, purity, qubit_states

SIZES = [(1, 1, 4), (2, 1, 3), (1, 2, 2), (3, 2, 2)]


def doubles(n: int, n_qubits: int, generator: torch.Generator) -> torch.Tensor:
    return torch.nn.functional.normalize(haar(n, n_qubits, generator).to(torch.complex128), dim=-1)


def chain(n_qubits: int, n_ancillas: int, n_layers: int, n_steps: int = 2) -> ChainDenoiser:
    return ChainDenoiser(n_qubits, n_steps, n_ancillas, n_layers).double()


def test_the_logged_unitary_has_84_angles():
    model = UnitaryConfig(n_layers=7).build(Space("states", (16,)))
    assert sum(p.numel() for p in model.parameters()) == 84


@pytest.mark.parametrize(("n_qubits", "n_layers"), [(1, 2), (3, 2), (4, 7)])
def test_a_unitary_is_its_circuit(n_qubits, n_layers, generator):
    model = UnitaryDenoiser(n_qubits, n_layers).double()
    x = doubles(3, n_qubits, generator)
    weights = torch.cat([layer.weights[0] for layer in model.layers])
    circuit = state_preparation(n_qubits) >> ladder_entangling(n_qubits, n_layers)
    expected = torch.stack([simulate(circuit, psi, weights) for psi in x])
    torch.testing.assert_close(model(x, 0).sample, expected, rtol=0, atol=1e-12)
    assert torch.equal(model(x, 0, return_dict=False)[0], model(x, torch.zeros(3, dtype=torch.int64)).sample)


def test_each_level_has_a_unitary_of_its_own(generator):
    model, x = UnitaryDenoiser(3, 2, n_steps=3, ansatz="mirrored").double(), doubles(4, 3, generator)
    t = torch.tensor([2, 0, 2, 1])
    circuit = state_preparation(3) >> mirrored_ladder(3, 2)
    expected = [
        simulate(circuit, psi, torch.cat([layer.weights[k] for layer in model.layers]))
        for psi, k in zip(x, t, strict=True)
    ]
    torch.testing.assert_close(model(x, t).sample, torch.stack(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("n_qubits", [1, 2, 4])
def test_mirrored_layers_undo_a_scrambler_layer_by_layer(n_qubits, generator):
    """Of opposite angles in opposite order."""
    depth, x0 = 3, doubles(5, n_qubits, generator)
    space = Space("states", (2**n_qubits,))
    process = ScramblerConfig(1, depth, prediction="previous").build(space, 0)
    model = UnitaryConfig(1, n_steps=depth, ansatz="mirrored").build(space).double()
    opposite = -process.shared.view(depth, n_qubits, 3).flip(-1).flatten(1)
    model.layers[0].weights.data.copy_(opposite)
    x = process.noised(x0, torch.full((5,), depth - 1), generator).x
    for t in reversed(range(depth)):
        x = model(x, t).sample
    torch.testing.assert_close(x, x0, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("n_qubits", "n_layers", "n_steps"), [(1, 4, 1), (3, 8, 2)])
def test_blocks_begin_as_the_identity(n_qubits, n_layers, n_steps, generator):
    model = UnitaryConfig(n_layers, n_steps, "blocks", "identity").build(Space("states", (2**n_qubits,))).double()
    x = doubles(3, n_qubits, generator)
    torch.testing.assert_close(model(x, n_steps - 1).sample, x, rtol=0, atol=1e-12)
    with torch.no_grad():
        model.layers[1].weights.add_(0.1)
    assert (model(x, n_steps - 1).sample - x).abs().max() > 1e-2


def test_blocks_entangle(generator):
    """The CNOTs of a block do not cancel: |000⟩ becomes a state whose qubits are mixed."""
    model = UnitaryConfig(4, ansatz="blocks").build(Space("states", (8,)))
    zero = torch.zeros(1, 8, dtype=torch.complex64)
    zero[0, 0] = 1
    purities = purity(qubit_states(model(zero, 0).sample.detach()))
    assert purities.max() < 0.95


@pytest.mark.parametrize(
    "build",
    [
        lambda: UnitaryConfig(1, n_steps=0),
        lambda: UnitaryConfig(2, start="identity"),
        lambda: UnitaryConfig(6, ansatz="blocks", start="identity"),
    ],
)
def test_impossible_unitaries_are_refused(build):
    with pytest.raises(UsageError):
        build()


@pytest.mark.parametrize(("n_qubits", "n_ancillas", "n_layers"), SIZES)
def test_branches_are_those_of_the_reference(n_qubits, n_ancillas, n_layers, generator):
    model, x = chain(n_qubits, n_ancillas, n_layers), doubles(3, n_qubits, generator)
    for t, step in enumerate(model.steps):
        states, probabilities = model.branches(x, t)
        torch.testing.assert_close(states.norm(dim=-1), torch.ones_like(probabilities))
        for place, psi in enumerate(x):
            full = simulate_branches(step.circuit, psi, step.weights[0]).detach()
            by_outcome = full.unflatten(-1, (-1, 2**n_ancillas))
            for outcome, left in enumerate(by_outcome):
                got = states[place, outcome] * probabilities[place, outcome].sqrt()
                torch.testing.assert_close(got, left[:, outcome], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("n_qubits", "n_ancillas", "n_layers"), SIZES)
def test_branches_are_those_of_pennylane(n_qubits, n_ancillas, n_layers, generator):
    """The published circuit, written out: RX and RY on all, CZ on neighbours, the ancillas last."""
    model, n_wires = chain(n_qubits, n_ancillas, n_layers), n_qubits + n_ancillas
    (psi,) = doubles(1, n_qubits, generator)
    angles = model.steps[1].weights.detach().view(n_layers, 2, n_wires).tolist()

    @qml.qnode(qml.device("default.qubit", wires=n_wires))
    def circuit():
        qml.StatePrep(psi.numpy(), wires=range(n_qubits))
        for layer in angles:
            for wire in range(n_wires):
                qml.RX(layer[0][wire], wires=wire)
                qml.RY(layer[1][wire], wires=wire)
            for first in (0, 1):
                for wire in range(first, n_wires - 1, 2):
                    qml.CZ(wires=[wire, wire + 1])
        return qml.state()

    expected = torch.as_tensor(circuit()).view(2**n_qubits, 2**n_ancillas).mT
    states, probabilities = model.branches(psi.unsqueeze(0), 1)
    torch.testing.assert_close(states[0] * probabilities[0].sqrt().unsqueeze(-1), expected, rtol=0, atol=1e-12)


def turned(psi: torch.Tensor, n_ancillas: int, angles: dict[str, float]) -> torch.Tensor:
    """|ψ⟩|0…0⟩ with RX on every wire, then RY on every ancilla, as matrices."""
    i = torch.eye(2, dtype=torch.complex128)
    x, y = (1j * torch.tensor(p, dtype=torch.complex128) for p in ([[0, 1], [1, 0]], [[0, -1j], [1j, 0]]))
    rx, ry = (math.cos(a / 2) * i - math.sin(a / 2) * p for a, p in ((angles["rx"], x), (angles["ry"], y)))
    matrix = torch.eye(1, dtype=torch.complex128)
    for wire in range(psi.shape[1].bit_length() - 1 + n_ancillas):
        matrix = torch.kron(matrix, rx if wire < psi.shape[1].bit_length() - 1 else ry @ rx)
    zeros = torch.zeros(1, 2**n_ancillas, dtype=torch.complex128)
    zeros[0, 0] = 1
    return torch.kron(psi, zeros) @ matrix.mT


@pytest.mark.parametrize(("n_qubits", "n_ancillas", "n_layers"), SIZES)
def test_a_shared_circuit_is_told_level_and_class_by_rotations(n_qubits, n_ancillas, n_layers, generator):
    """Against the unshared circuit on states that were turned by matrices."""
    model = ChainDenoiser(n_qubits, 5, n_ancillas, n_layers, time="shared", n_classes=3).double()
    assert len(list(model.parameters())) == model.levels == 1
    x, t, labels = doubles(4, n_qubits, generator), torch.tensor([0, 3, 4, 3]), torch.tensor([2, 0, 1, 1])
    states, p = model.branches(x, t, labels)
    n_wires = n_qubits + n_ancillas
    circuit = state_preparation(n_wires) >> measured(cz_brickwork(n_wires, n_layers), range(n_qubits, n_wires))
    for k, psi in enumerate(x):
        angles = {"rx": 2 * math.pi / 5 * t[k].item(), "ry": 2 * math.pi / 3 * labels[k].item()}
        given = turned(psi[None], n_ancillas, angles)[0]
        left = simulate_branches(circuit, given, model.steps[0].weights[0]).detach().unflatten(-1, (-1, 2**n_ancillas))
        for outcome in range(2**n_ancillas):
            got = states[k, outcome] * p[k, outcome].sqrt()
            torch.testing.assert_close(got, left[outcome, :, outcome], rtol=0, atol=1e-12)


def test_post_selection_keeps_the_outcome_0(generator):
    free, kept = chain(2, 2, 3), ChainDenoiser(2, 2, 2, 3, measured="post-selected").double()
    kept.load_state_dict(free.state_dict())
    x = doubles(5, 2, generator)
    states, p = kept.branches(x, 1)
    assert torch.equal(states, free.branches(x, 1)[0][:, :1])
    assert torch.equal(p, torch.ones(5, 1, dtype=torch.float64))
    assert torch.equal(kept(x, 1).sample, states[:, 0])


@pytest.mark.parametrize("labels", [None, torch.tensor([0, 1]), torch.tensor([0, 1, 2])])
@pytest.mark.usefixtures("unchecked")
def test_labels_that_do_not_fit_are_refused(labels, generator):
    model = ChainDenoiser(1, 2, 1, 2, n_classes=2)
    with pytest.raises(UsageError, match="class"):
        model.branches(haar(3, 1, generator), 0, labels)


def test_a_mixed_chain_is_the_measured_one_with_forgotten_outcomes(generator):
    """Σ_b p_b |ψ_b⟩⟨ψ_b|, of the same angles, where no ancilla is random."""
    measured_chain = chain(2, 2, 3)
    mixed = MixedChainDenoiser(2, 2, 2, 3, n_random=0).double()
    mixed.load_state_dict(measured_chain.state_dict())
    x, t = doubles(4, 2, generator), torch.tensor([1, 0, 1, 1])
    states, p = measured_chain.branches(x, t)
    expected = torch.einsum("nb,nbi,nbj->nij", p.to(states.dtype), states, states.conj())
    torch.testing.assert_close(mixed(projector(x), t).sample, expected, rtol=0, atol=1e-12)


def test_random_ancillas_come_in_as_states_and_are_traced_out(generator):
    """ψ ⊗ a, in single precision, through a measured chain of one qubit more, which is then forgotten, too."""
    mixed = MixedChainDenoiser(1, 1, 2, 3, n_random=1).double()
    outer = chain(2, 1, 3, n_steps=1)
    outer.load_state_dict(mixed.state_dict())
    psi, a = doubles(3, 1, generator), haar(3, 1, torch.Generator().manual_seed(5)).to(torch.complex128)
    joined = mixed.joined(projector(psi), torch.Generator().manual_seed(5))
    both = torch.einsum("ni,nj->nij", psi, a).flatten(1)
    torch.testing.assert_close(joined, projector(both), rtol=0, atol=1e-7)
    states, p = outer.branches(both, 0)
    rho = torch.einsum("nb,nbi,nbj->nij", p.to(states.dtype), states, states.conj())
    torch.testing.assert_close(mixed.traced(joined, 0), partial_trace(rho, (0,)), rtol=0, atol=1e-7)


def test_random_ancillas_are_haar_on_average(generator):
    """Mean |a⟩⟨a| = 1/4 of two of them."""
    mixed = MixedChainDenoiser(1, 1, 2, 1, n_random=2)
    joined = mixed.joined(torch.tensor([[1.0, 0], [0, 0]]).to(torch.complex64).expand(20_000, 2, 2), generator)
    mean = joined.mean(0)
    assert (mean[:4, :4] - torch.eye(4) / 4).abs().max() < 5 * 0.5 / math.sqrt(20_000)
    assert mean[4:].abs().max() == 0


@pytest.mark.parametrize(("n_qubits", "n_ancillas", "n_layers"), SIZES[:3])
def test_branches_have_the_gradients_of_finite_differences(n_qubits, n_ancillas, n_layers, generator):
    model, x = chain(n_qubits, n_ancillas, n_layers), doubles(2, n_qubits, generator).requires_grad_()
    step = model.steps[0]
    assert torch.autograd.gradcheck(lambda psi, weights: step(psi.unsqueeze(1), weights), (x, step.weights))


def test_outcomes_are_drawn_with_their_probabilities(generator):
    model, draws = chain(1, 2, 3), 20_000
    (psi,) = doubles(1, 1, generator)
    states, probabilities = model.branches(psi.unsqueeze(0), 1)
    drawn = model(psi.expand(draws, 2), 1, generator=generator).sample
    distances = (drawn.unsqueeze(1) - states).abs().amax(-1)
    assert distances.amin(-1).max() < 1e-12
    counts = torch.bincount(distances.argmin(-1), minlength=4)
    errors = (probabilities[0] * (1 - probabilities[0]) / draws).sqrt()
    assert ((counts / draws - probabilities[0]).abs() < 5 * errors).all()


def test_each_state_is_measured_by_itself(generator):
    model, x = chain(2, 1, 3), doubles(40, 2, generator)
    drawn = model(x, 0, generator=torch.Generator().manual_seed(3)).sample
    again = model(x, 0, generator=torch.Generator().manual_seed(3)).sample
    assert torch.equal(drawn, again)
    states, _ = model.branches(x, 0)
    outcomes = (drawn.unsqueeze(1) - states).abs().amax(-1).argmin(-1)
    assert 0 < outcomes.sum() < 40


def test_every_step_has_angles_of_its_own_under_its_own_name():
    model = ChainConfig(n_steps=12, n_ancillas=1, n_layers=4).build(Space("states", (2,)))
    names = dict(model.named_parameters())
    assert len(names) == model.levels == 12
    (name,) = fnmatch.filter(names, "steps.7.*")
    assert names[name].numel() == 2 * (1 + 1) * 4


def test_angles_start_from_the_normal_distribution():
    angles = torch.cat([p.flatten() for p in chain(2, 2, 12, n_steps=40).parameters()])
    assert abs(angles.mean()) < 5 / math.sqrt(len(angles))
    assert abs(angles.var() - 1) < 5 * math.sqrt(2 / len(angles))


@pytest.mark.parametrize("config", [UnitaryConfig(3), ChainConfig(n_steps=3)])
def test_a_denoiser_is_built_from_its_arguments(config, generator):
    space = Space("states", (4,))
    model = config.build(space)
    assert type(model).__name__ == config.class_name
    again = type(model)(**config.arguments(space))
    again.load_state_dict(model.state_dict())
    x = haar(3, 2, generator)
    outputs = [each(x, 0, generator=torch.Generator().manual_seed(1)).sample for each in (model, again)]
    assert torch.equal(*outputs)
    assert model.n_classes == 0


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: ChainConfig(measured="some"), "measured is some, but must"),
        (lambda: ChainConfig(time="none"), "time is none, but must"),
        (lambda: ChainConfig(conditional=True).build(Space("states", (2,))), "needs labels"),
        (lambda: MixedChainConfig(n_ancillas=0), "n_ancillas is 0, but must be 1 to 8"),
        (lambda: MixedChainConfig(n_ancillas=1, n_random=2), "n_random is 2, but must be 0 to 1"),
        (lambda: MixedChainConfig().build(Space("densities", (128, 128))), "9 wires; give at most 8"),
        (lambda: MixedChainConfig().build(Space("states", (2,))), "takes densities"),
        (lambda: ChainConfig(n_ancillas=8).build(Space("states", (128,))), "15 wires; give at most 14"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_impossible_chains_are_refused(build, sentence):
    with pytest.raises(UsageError, match=sentence):
        build()


@pytest.mark.parametrize("config", [UnitaryConfig(), ChainConfig()])
def test_images_and_labels_are_refused(config, generator):
    with pytest.raises(UsageError, match="takes states"):
        config.build(Space("images", (1, 28, 28)))
    model = config.build(Space("states", (2,)))
    with pytest.raises(UsageError, match="unconditional"):
        model(haar(2, 1, generator), 0, torch.zeros(2, dtype=torch.int64), generator=generator)


@pytest.mark.parametrize("level", [-1, 2, torch.tensor([0, 2])])
def test_a_level_without_a_circuit_is_refused(level, generator):
    with pytest.raises(UsageError, match="made for 0 … 1"):
        chain(1, 1, 1).branches(doubles(2, 1, generator), level)


def test_without_a_generator_outcomes_are_torchs_own_chance(generator):
    """As diffusers' pipelines draw: equal seeds of torch give equal outcomes."""
    model, x = chain(1, 1, 1), doubles(50, 1, generator)
    torch.manual_seed(5)
    first, second = model(x, 0).sample, model(x, 0).sample
    torch.manual_seed(5)
    assert torch.equal(model(x, 0).sample, first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize(
    "build",
    [lambda: UnitaryConfig(0), lambda: ChainConfig(0), lambda: ChainConfig(n_ancillas=0), lambda: ChainConfig(2, 9)],
)
def test_impossible_denoisers_are_refused(build):
    with pytest.raises(UsageError):
        build()
