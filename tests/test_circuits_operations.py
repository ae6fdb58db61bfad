"""State preparation, given matrices, post-selection, measurement and what is read of them."""

from itertools import pairwise

import numpy as np
import pennylane as qml
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from circuit_strategies import dense, open_circuits, pauli_sums
from qdiffusion.circuits import (
    Circuit,
    Gate,
    Plan,
    QuantumLayer,
    angle_encoding,
    basic_entangling,
    branches,
    circuit_of,
    concatenate,
    controlled,
    density_matrix,
    diagonal,
    hermitian,
    input,
    inverse,
    measure,
    on_wires,
    pauli_sum,
    pauli_x,
    pauli_y,
    pauli_z,
    postselect,
    probabilities,
    state,
    state_preparation,
    trainable_hermitian,
    unitary,
    weight,
)
from qdiffusion.circuits.plans.deferral import defer
from qdiffusion.circuits.reference import simulate, simulate_branches
from qdiffusion.errors import UsageError

SEEDS = st.integers(0, 2**31)
NOTHING = torch.zeros(0)


def draw_inputs(circuit: Circuit, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """x (2, 1, n_inputs), amplitudes normalised, and weights (1, n_weights)."""
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(1, circuit.n_weights, generator=generator, dtype=torch.float64) * 2
    angles = torch.randn(2, 1, circuit.n_inputs - circuit.n_amplitudes, generator=generator, dtype=torch.float64) * 2
    if not circuit.prepared:
        return angles.requires_grad_(), weights.requires_grad_()
    given = torch.randn(2, 1, circuit.n_amplitudes, generator=generator, dtype=torch.complex128)
    given = given / given.norm(dim=-1, keepdim=True)
    return torch.cat([given, angles.to(given.dtype)], -1).requires_grad_(), weights.requires_grad_()


def probability(circuit: Circuit, x: torch.Tensor, weights: torch.Tensor) -> float:
    """The smallest probability of the post-selections."""
    with torch.no_grad():
        return min(float(simulate_branches(circuit, row[0], weights[0]).abs().square().sum()) for row in x)


def gradients(value: torch.Tensor, arguments: list[torch.Tensor]) -> list[torch.Tensor]:
    cotangent = torch.randn(value.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    real = torch.view_as_real(value).sum(-1) if value.is_complex() else value
    zero = sum((a.abs().square().sum() for a in arguments), torch.zeros(())) * 0
    return list(torch.autograd.grad((real * cotangent).sum() + zero, arguments))


@given(data=st.data(), seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_open_circuits_equal_the_dense_reference(data, seed):
    circuit = data.draw(open_circuits())
    wires = data.draw(st.permutations(range(circuit.n_wires)))[: data.draw(st.integers(1, circuit.n_wires))]
    observable = data.draw(
        st.one_of(
            st.sampled_from([pauli_x(), pauli_y(), pauli_z(), probabilities(wires), density_matrix(wires)]),
            pauli_sums(circuit.n_wires),
        )
    )
    x, weights = draw_inputs(circuit, seed)
    assume(probability(circuit, x, weights) > 1e-3)
    got = QuantumLayer(circuit, observable).double()(x, weights)
    expected = dense(circuit, observable, x, weights)
    assert torch.allclose(got, expected, rtol=0, atol=1e-10)
    for ours, theirs in zip(gradients(got, [x, weights]), gradients(expected, [x, weights]), strict=True):
        difference = ours - theirs
        if difference.shape == x.shape and circuit.prepared:
            difference = tangent(difference, x, circuit.n_amplitudes)
        assert difference.abs().max() < 1e-8


def tangent(direction: torch.Tensor, x: torch.Tensor, n_amplitudes: int) -> torch.Tensor:
    """Without its part along the amplitudes: states have norm 1, what a longer one would give is of no interest."""
    psi = x.clone()
    psi[..., n_amplitudes:] = 0
    return direction - (psi.conj() * direction).sum(-1, keepdim=True).real * psi


@given(data=st.data(), seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_branches_are_what_measuring_leaves(data, seed):
    """Outcome by outcome its probability, and mixed with these the density matrix of the wires that are left."""
    circuit = data.draw(open_circuits(max_wires=3))
    assume(0 < sum(gate.is_measurement for gate in circuit.gates) <= 3)
    x, weights = draw_inputs(circuit, seed)
    assume(probability(circuit, x, weights) > 1e-3)
    states, chances = QuantumLayer(circuit, branches()).double()(x, weights)
    left = defer(circuit, ()).others
    assert states.shape[-1] == 2 ** len(left)
    for sample, row in enumerate(x):
        expected = simulate_branches(circuit, row[0], weights[0]).abs().square().sum(-1)
        assert torch.allclose(chances[sample, 0], expected / expected.sum(), rtol=0, atol=1e-10)
    norms = states.abs().square().sum(-1)
    assert torch.allclose(norms[chances > 1e-12], torch.ones((), dtype=norms.dtype))
    for sample, row in enumerate(x):
        # Each branch by itself, up to its phase: the reference keeps the measured wires, whose bits are the outcome's.
        unmeasured = simulate_branches(circuit, row[0], weights[0])
        for branch, psi in zip(unmeasured, states[sample, 0], strict=True):
            rows = branch.reshape((2,) * circuit.n_wires).movedim(left, tuple(range(len(left)))).reshape(len(psi), -1)
            overlap = (psi.conj() @ rows).abs().square().sum()
            assert torch.allclose(overlap, branch.abs().square().sum(), rtol=0, atol=1e-10)
    weighed = states * chances.sqrt().unsqueeze(-1)
    mixed = weighed.mT @ weighed.conj()
    whole = dense(circuit, density_matrix(left or [0]), x, weights)
    assert torch.allclose(mixed, whole if left else torch.ones_like(mixed), rtol=0, atol=1e-10)


def test_a_bell_pair_collapses():
    circuit = circuit_of(2, [Gate("h", (0,)), Gate("x", (1,), controls=(0,)), measure(0)], "bell")
    states, chances = QuantumLayer(circuit, branches())(torch.zeros(1, 0))
    assert torch.allclose(chances, torch.full((1, 2), 0.5))
    assert torch.allclose(states, torch.eye(2, dtype=torch.complex64)[None])


def test_measured_wires_can_steer_later_gates_and_be_used_again():
    """Teleportation: the corrections are controlled by the outcomes; the state arrives in every branch."""
    gates = [Gate("h", (1,)), Gate("x", (2,), controls=(1,)), Gate("x", (1,), controls=(0,)), Gate("h", (0,))]
    gates += [measure(0), measure(1), Gate("x", (2,), controls=(1,)), Gate("z", (2,), controls=(0,))]
    circuit = state_preparation(3, [0]) >> circuit_of(3, gates, "teleport")
    psi = torch.tensor([[0.6, 0.8j]])
    states, chances = QuantumLayer(circuit, branches())(psi)
    assert torch.allclose(chances, torch.full((1, 4), 0.25))
    assert torch.allclose(states, psi.expand(1, 4, 2))
    again = circuit >> circuit_of(3, [Gate("h", (0,)), measure(0)], "again")
    states, chances = QuantumLayer(again, branches())(psi)
    assert torch.allclose(chances, torch.full((1, 8), 0.125), atol=1e-6)
    # |1⟩ measured again after a Hadamard leaves a sign of the whole state.
    assert torch.allclose((states.conj() * psi).sum(-1).abs(), torch.ones(1, 8))


def test_sampled_branches_follow_their_probabilities():
    circuit = circuit_of(2, [Gate("ry", (0,), weight(0)), Gate("x", (1,), controls=(0,)), measure(0)], "coin")
    layer, weights = QuantumLayer(circuit, branches("sampled")), torch.tensor([[1.2]], requires_grad=True)
    n = 4000
    states, chances = layer(torch.zeros(n, 1, 0), weights, generator=torch.Generator().manual_seed(0))
    ones = states[:, 0, 0, 1].abs().round()
    p = torch.sin(weights[0, 0] / 2) ** 2
    assert abs(ones.mean() - p) < 5 * (p * (1 - p) / n).sqrt()
    assert torch.allclose(chances[:, 0, 0], torch.where(ones == 1, p, 1 - p))
    (slope,) = torch.autograd.grad(chances[ones == 1].mean(), weights)
    assert torch.allclose(slope, torch.sin(weights) / 2)
    again, _ = layer(torch.zeros(n, 1, 0), weights, generator=torch.Generator().manual_seed(0))
    assert torch.equal(states, again)


def test_prepared_states_equal_pennylanes():
    generator = torch.Generator().manual_seed(1)
    psi = torch.randn(4, dtype=torch.complex128, generator=generator)
    psi = psi / psi.norm()
    device = qml.device("default.qubit", wires=3)

    @qml.qnode(device)
    def circuit():
        qml.StatePrep(psi.numpy(), wires=[2, 0])
        qml.RX(0.3, wires=1)
        qml.CNOT(wires=[2, 1])
        return qml.state()

    ours = state_preparation(3, [2, 0]) >> circuit_of(
        3, [Gate("rx", (1,), input(4)), Gate("x", (1,), controls=(2,))], "after"
    )
    x = torch.cat([psi, torch.tensor([0.3 + 0j], dtype=torch.complex128)])
    got = QuantumLayer(ours, state()).double()(x[None])[0]
    np.testing.assert_allclose(got.detach().numpy(), circuit(), rtol=0, atol=1e-12)


def test_real_amplitudes_need_not_be_made_complex():
    x = torch.tensor([[0.6, 0.8]])
    assert torch.allclose(QuantumLayer(state_preparation(1))(x), torch.tensor([[0.36 - 0.64]]))


@pytest.mark.parametrize("wires", [(0,), (2, 0), (1, 3, 0), (1, 3, 0, 5, 2)])
def test_trainable_hermitians_are_traces_with_the_density_matrix(wires):
    n_wires = 4 if len(wires) < 4 else 6
    circuit = angle_encoding(n_wires, axis="y") >> basic_entangling(n_wires, 2)
    observable = concatenate(pauli_z([3]), trainable_hermitian(wires, wires), pauli_x([1]))
    layer = QuantumLayer(circuit, observable, 2, generator=torch.Generator().manual_seed(3)).double()
    x = torch.randn(5, 2, n_wires, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    size = 2 ** len(wires)
    assert layer.observable_weights.shape == (2, 2 * 2 * size**2)
    got = layer(x)
    parts = layer.observable_weights.view(2, 2, 2, size, size)
    free = torch.complex(parts[:, :, 0], parts[:, :, 1])
    rho = QuantumLayer(circuit, density_matrix(wires), 2).double()(x, layer.weights)
    expected = torch.einsum("ckij,ncji->nck", (free + free.mH) / 2, rho).real
    assert torch.allclose(got[..., 1:3], expected, rtol=0, atol=1e-12)
    plain = QuantumLayer(circuit, pauli_z(), 2).double()(x, layer.weights)
    assert torch.allclose(got[..., 0], plain[..., 3], rtol=0, atol=1e-12)
    arguments = [layer.weights, layer.observable_weights]
    ours, theirs = (torch.autograd.grad(v.square().sum(), arguments) for v in (got[..., 1:3], expected))
    for a, b in zip(ours, theirs, strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-10)


def test_hermitians_of_any_width_stand_in_the_order_in_which_they_were_asked_for():
    """Narrow ones in Pauli words, wide ones of two groups of wires by density matrices; a circuit for each row."""
    groups = [(5, 4, 3, 2, 1), (0, 2), (1, 2, 3, 4, 5), (5, 4, 3, 2, 1), (3,)]
    circuit = state_preparation(6) >> basic_entangling(6, 1)
    layer = QuantumLayer(circuit, trainable_hermitian(*groups), 3, generator=torch.Generator().manual_seed(3)).double()
    psi = torch.randn(4, 64, dtype=torch.complex128, generator=torch.Generator().manual_seed(4))
    psi, which = psi / psi.norm(dim=1, keepdim=True), torch.tensor([2, 0, 0, 1])
    got = layer(psi, which=which)
    sizes = [2 * 4 ** len(group) for group in groups]
    for column, (group, own) in enumerate(zip(groups, layer.observable_weights.split(sizes, 1), strict=True)):
        real, imaginary = own.unflatten(1, (2, 2 ** len(group), -1)).unbind(1)
        rho = QuantumLayer(circuit, density_matrix(group), 3).double()
        rho.weights.data = layer.weights.data
        matrix = torch.complex(real, imaginary)[which]
        expected = (matrix @ rho(psi, which=which)).diagonal(dim1=1, dim2=2).sum(1).real
        torch.testing.assert_close(got[:, column], expected)


def test_eight_wires_need_no_table_of_words():
    """65,536 words, each a column of a table of 131,072 rows: 64 GiB."""
    layer = QuantumLayer(state_preparation(8), trainable_hermitian(range(8)))
    psi = torch.full((1, 1, 256), 1 / 16, dtype=torch.complex64)
    real = layer.observable_weights[0, :65536]
    torch.testing.assert_close(layer(psi)[0, 0, 0], real.sum() / 256)
    assert "1 Hermitians on 8 wires, of the density matrix of these" in layer.plan.explain()


def test_constant_hermitians_of_eight_wires_are_written_in_words():
    ising = np.zeros((256, 256))
    for index in range(256):
        spins = [1 - 2 * int(bit) for bit in f"{index:08b}"]
        ising[index, index] = sum(a * b for a, b in pairwise(spins))
    found = hermitian(ising, range(8)).outputs[0]
    assert {word: c for c, word in found} == {((k, "Z"), (k + 1, "Z")): 1.0 for k in range(7)}


def test_constant_hermitians_equal_pennylanes():
    random = np.random.default_rng(0).standard_normal((2, 4, 4))
    matrix = random[0] + random[0].T + 1j * (random[1] - random[1].T)
    device = qml.device("default.qubit", wires=3)

    @qml.qnode(device)
    def circuit():
        for wire in range(3):
            qml.RY(0.4 + wire, wires=wire)
        qml.CNOT(wires=[0, 2])
        return qml.expval(qml.Hermitian(matrix, wires=[2, 1]))

    gates = [*(Gate("ry", (w,), input(w)) for w in range(3)), Gate("x", (2,), controls=(0,))]
    got = QuantumLayer(circuit_of(3, gates, "c"), hermitian(matrix, [2, 1])).double()(
        0.4 + torch.arange(3.0)[None].double()
    )
    assert abs(got.item() - circuit()) < 1e-12


def matrix_of(circuit: Circuit, weights: torch.Tensor) -> torch.Tensor:
    columns = []
    for index in range(2**circuit.n_wires):
        bits = [w for w in range(circuit.n_wires) if index >> (circuit.n_wires - 1 - w) & 1]
        flips = circuit_of(circuit.n_wires, [Gate("x", (w,)) for w in bits], "flips")
        columns.append(simulate(flips >> circuit, NOTHING, weights))
    return torch.stack(columns, 1)


def test_circuits_invert_and_take_controls():
    weights = torch.linspace(-2, 2, 9, dtype=torch.float64)
    random = torch.randn(4, 4, dtype=torch.complex128, generator=torch.Generator().manual_seed(0))
    extra = circuit_of(3, [unitary(torch.linalg.qr(random)[0], [2, 0]), Gate("s", (1,))], "extra")
    circuit = basic_entangling(3, 3) >> extra
    forward = matrix_of(circuit, weights)
    assert torch.allclose(matrix_of(inverse(circuit), weights), forward.mH, rtol=0, atol=1e-12)
    for values in [(True, True), (False, True)]:
        under = matrix_of(controlled(on_wires(circuit, [4, 2, 1], 5), [0, 3], values), weights)
        inside = matrix_of(on_wires(circuit, [4, 2, 1], 5), weights)
        chosen = torch.tensor([(i >> 4 & 1, i >> 1 & 1) == values for i in range(32)])
        expected = torch.where(chosen[:, None], inside, torch.eye(32, dtype=inside.dtype))
        assert torch.allclose(under, expected, rtol=0, atol=1e-12)


def test_light_cones_keep_what_post_selection_sees():
    """An entangling gate behind which nothing is read still matters where its wire is post-selected."""
    gates = [Gate("ry", (0,), weight(0)), Gate("ry", (1,), weight(1), (0,)), postselect(1, 0)]
    circuit = circuit_of(2, gates, "conditioned")
    a, b = 0.9, 1.7
    got = QuantumLayer(circuit, pauli_z([0])).double()(NOTHING[None], torch.tensor([[a, b]], dtype=torch.float64))
    zero, one = np.cos(a / 2) ** 2, np.sin(a / 2) ** 2 * np.cos(b / 2) ** 2
    assert abs(got.item() - (zero - one) / (zero + one)) < 1e-12


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: unitary([[1, 1], [0, 1]], [0]), "not unitary"),
        (lambda: unitary(np.eye(4), [0]), r"numbers \(2, 2\), not \(4, 4\)"),
        (lambda: diagonal([1, 2], [0]), "absolute value 1"),
        (lambda: postselect(0, 2), "keeps 0 or 1"),
        (lambda: hermitian([[0, 1], [0, 0]], [0]), "not Hermitian"),
        (lambda: hermitian(np.eye(2), [0, 1]), "4 rows"),
        (lambda: branches("some"), "'some'"),
        (lambda: probabilities([0, 0]).on(2), "distinct wires"),
        (lambda: hermitian(np.eye(4), [0, 0]), "distinct wires"),
        (lambda: trainable_hermitian([1, 1]), "distinct wires"),
        (lambda: trainable_hermitian([]), "one or more"),
        (lambda: trainable_hermitian(range(13)), r"4\^13 entries; give 12"),
        (lambda: Plan(angle_encoding(5), trainable_hermitian(range(5)), shots=9), "4 wires at most, not on 5"),
        (lambda: trainable_hermitian(0, 1), "list of numbers"),
        (lambda: pauli_z(3), "list of numbers"),
        (lambda: density_matrix([]).on(2), "one or more"),
        (lambda: concatenate(probabilities(), pauli_z()), "not Probabilities"),
        (lambda: pauli_sum({"Z": 1j}), "real numbers"),
        (lambda: unitary(torch.eye(2, requires_grad=True), [0]), "constant numbers"),
        (lambda: diagonal([], []), "0 wires"),
        (lambda: weight(-1), r"weight\(-1\)"),
        (lambda: Gate("ry", (0,), 0.3), "constant"),
        (lambda: Gate("h", [0]), "tuples"),
        (lambda: measure((0,)), "tuples"),
        (lambda: on_wires(Circuit(2, (), 0, 0), [-1, 7], 3), "0 … 2"),
        (lambda: controlled(Circuit(2, (), 0, 0), [7]), "among 0 … 1"),
        (lambda: state_preparation(1) >> angle_encoding(1), r"input\(2\)"),
        (lambda: Plan(angle_encoding(33), probabilities()), "2\\^33"),
        (lambda: Plan(angle_encoding(16), density_matrix()), "2\\^32"),
        (lambda: QuantumLayer(angle_encoding(2), n_circuits=1.5), "1.5"),
        (lambda: Plan(angle_encoding(2), density_matrix([2])), "reads wire 2"),
        (lambda: Plan(angle_encoding(2), branches()), "measures nothing"),
        (lambda: Plan(circuit_of(1, [measure(0)], "m"), state()), "branches"),
        (lambda: Gate("measure", (0,), controls=(1,)), "takes no controls"),
        (lambda: Gate("postselect", (0,), controls=(1,), matrix=((1, 0), (0, 0))), "takes no controls"),
        (lambda: state_preparation(2, [0, 0]), "distinct"),
        (lambda: angle_encoding(2) >> state_preparation(2), "must come first"),
        (lambda: QuantumLayer(state_preparation(1))(torch.ones(3, 1, 2)), "norm 1"),
        (lambda: QuantumLayer(angle_encoding(2))(torch.zeros(1, 2, dtype=torch.complex64)), "real angles"),
        (lambda: inverse(circuit_of(1, [measure(0)], "m")), "cannot be inverted"),
        (lambda: controlled(state_preparation(1), [0]), "cannot be controlled"),
        (lambda: on_wires(angle_encoding(2), [0], 3), "2 wires takes as many"),
        (lambda: QuantumLayer(circuit_of(1, [measure(0)], "m"), branches("sampled"))(torch.zeros(1, 0)), "Generator"),
        (lambda: pauli_sum({"Z": 1}).on(0), "reads wire 0"),
    ],
)
def test_bad_requests_are_refused_in_a_sentence(build, message):
    with pytest.raises(UsageError, match=message):
        build()
