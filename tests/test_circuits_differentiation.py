"""All ways to differentiate give the same gradient; shots estimate values and gradients without bias."""

import copy
import gc
import math
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from circuit_strategies import circuits, dense, open_circuits, pauli_sums
from qdiffusion.circuits import (
    Circuit,
    Gate,
    QuantumLayer,
    angle_encoding,
    basic_entangling,
    branches,
    circuit_of,
    concatenate,
    density_matrix,
    fqconv,
    hqconv,
    input,
    measure,
    pauli_sum,
    pauli_x,
    pauli_z,
    postselect,
    probabilities,
    state,
    state_preparation,
    trainable_hermitian,
    weight,
)
from qdiffusion.errors import UsageError

SEEDS = st.integers(0, 2**31)
WAYS = ("backprop", "adjoint", "parameter-shift")


def twins(circuit: Circuit, observable=None, n_circuits: int = 1, ways=("auto", *WAYS)) -> dict[str, QuantumLayer]:
    """Layers of equal weights, one for each way to differentiate."""
    return {
        way: QuantumLayer(
            circuit, observable, n_circuits, differentiation=way, generator=torch.Generator().manual_seed(0)
        ).double()
        for way in ways
    }


@given(
    data=st.data(),
    seed=SEEDS,
    per_sample=st.booleans(),
    batch=st.sampled_from([(), (1,), (2, 3)]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
@settings(max_examples=40, deadline=None)
def test_all_ways_agree_with_the_reference(data, seed, per_sample, batch, dtype):
    """Values and gradients, to 1e-10 in float64 and 1e-5 in float32."""
    circuit = data.draw(circuits(max_wires=4, max_gates=8))
    observable = data.draw(st.one_of(st.sampled_from([pauli_x(), probabilities()]), pauli_sums(circuit.n_wires)))
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(*batch, 2, 3, generator=generator, dtype=dtype)
    weights = torch.randn((*batch, 2, 4) if per_sample else (2, 4), generator=generator, dtype=dtype)

    def reference(x, weights):
        rows = dense(circuit, observable, x.reshape(-1, 2, 3), weights.reshape(-1, 2, 4) if per_sample else weights)
        return rows.reshape(*batch, *rows.shape[1:])

    def results(function, dtype):
        leaves = [x.to(dtype).requires_grad_(), weights.to(dtype).requires_grad_()]
        value = function(*leaves)
        cotangent = torch.linspace(-1, 1, value.numel(), dtype=dtype).view_as(value)
        # A value that depends on nothing carries no gradient; to add zero makes that a gradient of zero.
        total = (value * cotangent).sum() + 0 * sum(leaf.sum() for leaf in leaves)
        return [value, *torch.autograd.grad(total, leaves)]

    expected = results(reference, torch.float64)
    tolerance = {torch.float32: 1e-5, torch.float64: 1e-10}[dtype]
    for layer in twins(circuit, observable, 2).values():
        for ours, theirs in zip(results(layer, dtype), expected, strict=True):
            assert ours.dtype == dtype
            assert (ours - theirs).abs().max() <= tolerance * max(1, theirs.abs().max())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("circuit", [hqconv(2), fqconv(2)], ids=["tree", "components"])
def test_precision_is_that_of_the_dtype(circuit, dtype):
    """Every way against float64 from the same numbers: 1e-5 in float32, and never computed in half precision."""
    encoded = angle_encoding(12) >> circuit
    x = torch.randn(3, 1, 12, generator=torch.Generator().manual_seed(1)).to(dtype)
    results = []
    for precision in (dtype, torch.float64):
        for layer in twins(encoded, ways=("auto", "backprop", "adjoint")).values():
            leaf = x.to(precision).requires_grad_()
            weights = layer.weights.detach().to(dtype).to(precision).requires_grad_()
            value = layer(leaf, weights)
            results.append([value, *torch.autograd.grad(value.square().sum(), [leaf, weights])])
    tolerance = {torch.float32: 1e-5, torch.float64: 1e-10, torch.bfloat16: 1e-2}[dtype]
    assert results[0][0].dtype == (torch.float32 if dtype == torch.bfloat16 else dtype)
    for found in results[:-1]:
        for ours, theirs in zip(found, results[-1], strict=True):
            assert torch.allclose(ours.double(), theirs, rtol=0, atol=tolerance * max(1, theirs.abs().max()))


@pytest.mark.parametrize("way", ["auto", *WAYS])
def test_second_derivatives(way):
    """The Hessian by every way against that of the reference."""
    gates = [Gate("ry", (0,), weight(0)), Gate("rx", (1,), weight(1), (0,)), Gate("rz", (1,), input(0) + 0.2)]
    gates += [Gate("rxx", (1, 2), 0.5 * weight(0)), Gate("p", (2,), weight(2), (0,)), Gate("h", (2,))]
    circuit = circuit_of(3, gates, "small")
    layer = twins(circuit, pauli_sum({"ZIX": 1.0, "IZZ": 0.5}), ways=(way,))[way]
    x = torch.tensor([[[0.7]]], dtype=torch.float64)

    def value(function):
        return lambda weights: function(weights[None]).square().sum()

    hessians = [
        torch.autograd.functional.hessian(value(function), torch.tensor([0.4, -1.1, 0.9], dtype=torch.float64))
        for function in (lambda w: layer(x, w), lambda w: dense(circuit, layer.observable, x, w))
    ]
    assert hessians[1].abs().max() > 0.1
    assert torch.allclose(*hessians, rtol=0, atol=1e-9)


def test_second_derivatives_of_hqconv():
    """The tree of clusters, its gradient differentiated once more along a direction, against un-computed states."""
    layers = twins(angle_encoding(12) >> hqconv(2), ways=("auto", "adjoint"))
    x = torch.randn(2, 1, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(2), requires_grad=True)
    found = []
    for layer in layers.values():
        first = torch.autograd.grad(layer(x).square().sum(), [x, layer.weights], create_graph=True)
        found.append(torch.autograd.grad(sum(g.square().sum() for g in first), [x, layer.weights]))
    for ours, theirs in zip(*found, strict=True):
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-8)


@given(data=st.data(), seed=SEEDS)
@settings(max_examples=15, deadline=None)
def test_shifts_differentiate_through_measurements_and_prepared_states(data, seed):
    circuit = data.draw(open_circuits(max_wires=3, post_selects=False))
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2, 1, circuit.n_inputs, generator=generator, dtype=torch.complex128)
    psi = x[..., : circuit.n_amplitudes]
    x = torch.cat([psi / psi.norm(dim=-1, keepdim=True), x[..., circuit.n_amplitudes :]], -1)
    x = x if circuit.prepared else x.real
    values = []
    for layer in twins(circuit, pauli_x(), ways=("backprop", "parameter-shift")).values():
        value = layer(x)
        values.append([value, *torch.autograd.grad(value.square().sum() + 0 * layer.weights.sum(), [layer.weights])])
    for ours, theirs in zip(*values, strict=True):
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-9)


def test_trainable_observables_keep_their_gradient_under_shifts():
    circuit = angle_encoding(3) >> basic_entangling(3, 2)
    x = torch.randn(4, 1, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    found = []
    for layer in twins(circuit, concatenate(trainable_hermitian([2, 0]), pauli_z())).values():
        found.append(torch.autograd.grad(layer(x).square().sum(), list(layer.parameters())))
    for other in found[1:]:
        for ours, theirs in zip(found[0], other, strict=True):
            assert torch.allclose(ours, theirs, rtol=0, atol=1e-10)


def test_shots_estimate_values_with_the_variance_of_measurements():
    """Means within 5 standard errors, spread as binomial, words of one basis correlated as in the state."""
    gates = [Gate("ry", (0,), weight(0)), Gate("rx", (1,), weight(1), (0,)), Gate("ry", (2,), weight(2))]
    circuit = circuit_of(3, gates, "small")
    observable = pauli_sum({"ZII": 1}, {"IZI": 1}, {"ZZI": 1}, {"IYI": 1}, {"XXI": 1}, {"IIX": 1}, {"ZIX": 1})
    weights = torch.tensor([[0.8, 1.9, 0.5]])
    shots, n = 50, 2000
    layer = QuantumLayer(circuit, observable, shots=shots)
    got = layer(torch.zeros(n, 1, 0), weights, generator=torch.Generator().manual_seed(0))[:, 0].detach()
    exact = QuantumLayer(circuit, observable)(torch.zeros(1, 0), weights)[0].detach()
    variance = (1 - exact.square()) / shots
    assert ((got.mean(0) - exact).abs() < 5 * (variance / n).sqrt() + 1e-6).all()
    assert torch.allclose(got.var(0), variance, rtol=0.2, atol=1e-6)
    covariance = torch.cov(got.T)[0, 1]
    expected = (exact[2] - exact[0] * exact[1]) / shots
    assert abs(covariance - expected) < 0.2 * abs(expected)


def test_shots_of_independent_wires_are_shots_of_one_register():
    """ZZ on two coins is ±1 each time: its spread is that of 100 measurements and not of products of means."""
    coins = circuit_of(2, [Gate("h", (0,)), Gate("h", (1,))], "coins")
    layer = QuantumLayer(coins, pauli_sum({"ZZ": 1}), shots=100)
    values = layer(torch.zeros(4000, 1, 0), generator=torch.Generator().manual_seed(0))
    assert abs(values.std() - 0.1) < 0.01


def test_shots_reach_beyond_the_outcomes_torch_can_number():
    """25 wires of one GHZ state: 2^25 outcomes, two of which happen, all wires alike."""
    ghz = circuit_of(25, [Gate("h", (0,)), *(Gate("x", (w + 1,), controls=(w,)) for w in range(24))], "ghz")
    values = QuantumLayer(ghz, pauli_z(), shots=1)(torch.zeros(1, 0), generator=torch.Generator().manual_seed(0))
    assert values.abs().unique().tolist() == [1.0]
    assert len(values.unique()) == 1


def test_shots_give_unbiased_gradients_and_follow_the_seed():
    circuit = angle_encoding(2, axis="y") >> circuit_of(2, [Gate("rx", (1,), weight(0), (0,))], "c")
    layer = QuantumLayer(circuit, pauli_z(), shots=20)
    x = torch.tensor([[0.9, 0.4]]).expand(4000, 1, 2).clone().requires_grad_()
    weights = torch.tensor([[1.3]], requires_grad=True)

    def gradient(seed: int):
        value = layer(x, weights, generator=torch.Generator().manual_seed(seed))
        return torch.autograd.grad(value[..., 1].mean(), [x, weights])

    exact = QuantumLayer(circuit, pauli_z())(x, weights)
    expected = torch.autograd.grad(exact[..., 1].mean(), [x, weights])
    got = gradient(0)
    # Each term has variance ≤ 1/shots; the sum of squared coefficients of the four-term rule is 3/8 · 2.
    assert abs(got[1] - expected[1]) < 5 * math.sqrt(0.75 / 20 / 4000)
    assert ((got[0].sum(0) - expected[0].sum(0)).abs() < 5 * math.sqrt(0.5 / 20 / 4000)).all()
    assert all(torch.equal(a, b) for a, b in zip(got, gradient(0), strict=True))
    assert not torch.equal(got[1], gradient(1)[1])


@pytest.mark.parametrize("way", ["auto", "adjoint", "parameter-shift"])
def test_layers_survive_deepcopy_pickle_and_state_dict(way):
    circuit = angle_encoding(4) >> basic_entangling(4, 2)
    observable = concatenate(pauli_z(), trainable_hermitian([1, 0]))
    layer = QuantumLayer(circuit, observable, 2, differentiation=way)
    model = nn.Sequential(nn.Linear(4, 8), nn.Unflatten(1, (2, 4)), layer, nn.Flatten(), nn.Linear(10, 1))
    x = torch.randn(3, 4)
    expected = model(x)
    expected.sum().backward()
    fresh = copy.deepcopy(model)
    for parameter in fresh.parameters():
        nn.init.zeros_(parameter)
    fresh.load_state_dict(model.state_dict())
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), fresh):
        assert torch.equal(twin(x), expected)
        twin.zero_grad()
        twin(x).sum().backward()
        for ours, theirs in zip(twin.parameters(), model.parameters(), strict=True):
            assert torch.equal(ours.grad, theirs.grad)


REUPLOADED = angle_encoding(3) >> circuit_of(3, [Gate("rxx", (0, 2), input(1)), Gate("ry", (1,), weight(0), (0,))], "r")


@pytest.mark.parametrize("way", ["auto", *WAYS])
@pytest.mark.parametrize("batch", [(0,), (2, 0)])
@pytest.mark.parametrize(
    "circuit",
    [angle_encoding(12) >> hqconv(2), angle_encoding(12) >> fqconv(1), REUPLOADED],
    ids=["tree", "parts", "re"],
)
def test_no_samples_give_no_values_and_no_gradient(circuit, batch, way):
    layer = twins(circuit, ways=(way,))[way]
    x = torch.zeros(*batch, 1, circuit.n_inputs, dtype=torch.float64)
    for weights in (layer.weights, layer.weights.expand(*batch, 1, -1)):
        value = layer(x, weights)
        assert value.shape == (*batch, 1, circuit.n_wires)
        (gradient,) = torch.autograd.grad(value.sum(), layer.weights, allow_unused=True)
        assert gradient is None or not gradient.any()


@pytest.mark.parametrize("way", ["auto", *WAYS])
def test_what_ran_in_inference_or_under_torch_func_still_trains_and_copies(way):
    layer = QuantumLayer(angle_encoding(12) >> hqconv(1), differentiation=way)
    x = torch.randn(2, 1, 12)
    untouched = copy.deepcopy(layer)
    (gradient,) = torch.autograd.grad(untouched(x).square().sum(), untouched.weights)
    with torch.inference_mode():
        expected = layer(x)
    if way != "parameter-shift":
        torch.func.grad(lambda w: layer(x, w).sum())(layer.weights.detach())
    for twin in (layer, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        value = twin(x)
        assert torch.allclose(value, expected, rtol=0, atol=1e-6)
        assert torch.allclose(torch.autograd.grad(value.square().sum(), twin.weights)[0], gradient, rtol=0, atol=1e-5)


@pytest.mark.parametrize("circuit", [hqconv(2), fqconv(2), REUPLOADED], ids=["tree", "components", "re-uploaded"])
def test_nothing_outlives_its_graph(circuit):
    """No reference cycles: with the collector off, every tensor of a call is gone once its result is."""
    layer = QuantumLayer(circuit if circuit.n_inputs else angle_encoding(12) >> circuit)

    def tensors() -> int:
        x = torch.randn(4, 1, layer.circuit.n_inputs)
        layer(x, layer.weights.detach().expand(4, 1, -1).requires_grad_()).sum().backward()
        return sum(issubclass(type(each), torch.Tensor) for each in gc.get_objects())

    tensors()
    gc.collect()
    gc.disable()
    try:
        first = tensors()
        assert [tensors() for _ in range(3)] == [first] * 3
    finally:
        gc.enable()


@pytest.mark.parametrize("circuit", [hqconv(2), fqconv(2)], ids=["tree", "components"])
def test_autocast_leaves_circuits_in_full_precision(circuit):
    layer = QuantumLayer(angle_encoding(12) >> circuit)
    model = nn.Sequential(nn.Linear(6, 12), nn.Unflatten(1, (1, 12)), layer)
    x = torch.randn(5, 6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        angles = model[:2](x)
        got = layer(angles)
    got.square().sum().backward()
    assert angles.dtype == torch.bfloat16
    assert got.dtype == torch.float32
    assert torch.allclose(got, layer(angles.float()), rtol=0, atol=1e-6)
    leaf = layer.weights.detach().clone().requires_grad_()
    (expected,) = torch.autograd.grad(layer(angles.detach().float(), leaf).square().sum(), leaf)
    assert torch.allclose(layer.weights.grad, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("way", ["auto", "adjoint"])
@pytest.mark.parametrize("circuit", [hqconv(2), fqconv(1)], ids=["tree", "components"])
def test_torch_func_transforms(circuit, way):
    """The Jacobian by weights through jacrev, and gradients per sample through vmap, against autograd."""
    layer = twins(angle_encoding(12) >> circuit, ways=(way,))[way]
    x = torch.randn(3, 1, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def value(weights, x):
        return torch.func.functional_call(layer, {"weights": weights}, (x,))

    weights = layer.weights.detach()
    expected = torch.autograd.functional.jacobian(lambda w: value(w, x), weights)
    assert torch.allclose(torch.func.jacrev(value)(weights, x), expected, rtol=0, atol=1e-10)
    grads = torch.func.vmap(torch.func.grad(lambda w, row: value(w, row).square().sum()), (None, 0))(weights, x)
    for row, ours in zip(x, grads, strict=True):
        leaf = weights.clone().requires_grad_()
        (theirs,) = torch.autograd.grad(value(leaf, row).square().sum(), leaf)
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-10)


@pytest.mark.filterwarnings("ignore")  # dynamo itself warns
@pytest.mark.parametrize("circuit", [hqconv(2), fqconv(1)], ids=["tree", "components"])
def test_torch_compile_changes_nothing(circuit):
    """With the eager backend: what dynamo captures, without a compiler."""
    layer = QuantumLayer(angle_encoding(12) >> circuit)
    x = torch.randn(3, 1, 12, requires_grad=True)
    results = []
    for module in (layer, torch.compile(layer, backend="eager")):
        value = module(x)
        results.append([value, *torch.autograd.grad(value.square().sum(), [x, layer.weights])])
    for ours, theirs in zip(*results, strict=True):
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("circuit", [hqconv(2), fqconv(2)], ids=["tree", "components"])
@pytest.mark.parametrize("way", ["auto", "adjoint", "parameter-shift"])
def test_cuda_equals_the_cpu(circuit, way):
    layer = twins(angle_encoding(12) >> circuit, ways=(way,))[way]
    x = torch.randn(3, 1, 12, dtype=torch.float64)
    results = []
    for device in ("cpu", "cuda"):
        layer.to(device)
        leaf = x.to(device).requires_grad_()
        value = layer(leaf)
        found = [value, *torch.autograd.grad(value.square().sum(), [leaf, layer.weights])]
        results.append([tensor.cpu() for tensor in found])
    for ours, theirs in zip(*results, strict=True):
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-10)


MEASURED = circuit_of(2, [measure(0)], "m")
SELECTED = circuit_of(1, [Gate("ry", (0,), weight(0)), postselect(0, 0)], "p")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: QuantumLayer(fqconv(1), differentiation="magic"), "'magic'"),
        (lambda: QuantumLayer(SELECTED, differentiation="adjoint"), "post-selection is none"),
        (lambda: QuantumLayer(SELECTED, differentiation="parameter-shift"), "ratios"),
        (lambda: QuantumLayer(fqconv(1), state(), differentiation="parameter-shift"), "not State"),
        (lambda: QuantumLayer(MEASURED, branches(), differentiation="parameter-shift"), "not Branches"),
        (lambda: QuantumLayer(fqconv(1), density_matrix([0]), shots=10), "DensityMatrix"),
        (lambda: QuantumLayer(fqconv(1), probabilities(), shots=10), "not Probabilities"),
        (lambda: QuantumLayer(fqconv(1), shots=0), "at least 1 shot"),
        (lambda: QuantumLayer(fqconv(1), shots=5, differentiation="adjoint"), "no 'adjoint' gradient"),
        (lambda: QuantumLayer(fqconv(1), shots=5)(torch.zeros(1, 0)), "Generator"),
        (
            lambda: QuantumLayer(state_preparation(1), differentiation="parameter-shift")(
                torch.tensor([[1.0, 0.0]], requires_grad=True)
            ),
            "not amplitudes",
        ),
    ],
)
def test_bad_requests_are_refused_in_a_sentence(build, message):
    with pytest.raises(UsageError, match=message):
        build()
