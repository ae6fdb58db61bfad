"""Random states against the moments of their distributions."""

import math

import numpy as np
import pytest
import torch

from qdiffusion.states import cluster, derived, fidelities, fidelity, haar


@pytest.mark.parametrize("n_qubits", [1, 2, 4])
def test_haar_states_have_the_moments_of_the_haar_measure(n_qubits, generator):
    """E|⟨a|ψ⟩|² = 1/d and E|⟨a|ψ⟩|⁴ = 2/(d(d+1)), for any fixed a: F is Beta(1, d-1)."""
    draws, d = 20_000, 2**n_qubits
    states = haar(draws, n_qubits, generator)
    torch.testing.assert_close(states.abs().square().sum(-1), torch.ones(draws))
    fixed = torch.ones(d, dtype=torch.complex64) * torch.exp(1j * torch.arange(d)) / math.sqrt(d)
    for direction in (fixed, torch.eye(d, dtype=torch.complex64)[d - 1]):
        overlaps = fidelity(direction.expand_as(states), states).double()
        for power, expected in ((1, 1 / d), (2, 2 / (d * (d + 1)))):
            moments = overlaps**power
            assert abs(moments.mean() - expected) < 5 * moments.std() / math.sqrt(draws)


def test_haar_states_have_no_mean_phase(generator):
    """E ψ_x ψ_y = 0: real states would give δ_xy / d."""
    states = haar(20_000, 2, generator)
    assert (states.mT @ states / 20_000).abs().max() < 5 * 0.5 / math.sqrt(20_000)


def test_cluster_states_are_the_formula(generator):
    draws, spread = 20_000, 0.08
    states = cluster(draws, 2, spread, generator)
    torch.testing.assert_close(states.abs().square().sum(-1), torch.ones(draws))
    assert (states[:, 0].imag == 0).all()
    ratios = states[:, 1:] / states[:, :1]
    for part in (ratios.real, ratios.imag):
        assert (part.mean(0).abs() < 5 * spread / math.sqrt(draws)).all()
        assert ((part.var(0) / spread**2 - 1).abs() < 5 * math.sqrt(2 / draws)).all()
    assert abs((ratios.real * ratios.imag).mean()) < 5 * spread**2 / math.sqrt(draws)


def test_a_cluster_without_spread_is_one_state(generator):
    expected = torch.zeros(3, 8, dtype=torch.complex64)
    expected[:, 0] = 1
    assert torch.equal(cluster(3, 3, 0.0, generator), expected)


def test_chance_comes_from_the_generator_alone():
    before = torch.random.get_rng_state()
    for draw in (lambda g: haar(5, 2, g), lambda g: cluster(5, 2, 0.1, g)):
        assert torch.equal(draw(derived(1, 2)), draw(derived(1, 2)))
        assert not torch.equal(draw(derived(1, 2)), draw(derived(2, 1)))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_fidelities_are_squared_overlaps(generator):
    a, b = haar(4, 3, generator).to(torch.complex128), haar(4, 3, generator).to(torch.complex128)
    expected = np.array([[abs(np.vdot(x, y)) ** 2 for y in b.numpy()] for x in a.numpy()])
    np.testing.assert_allclose(fidelities(a, b).numpy(), expected, atol=1e-14)
    np.testing.assert_allclose(fidelity(a, b).numpy(), expected.diagonal(), atol=1e-14)


def test_fidelity_has_its_slope_where_states_are_orthogonal():
    """d|⟨0|ψ⟩|² is 2⟨0|ψ⟩ = 0 there, not the NaN of an absolute value."""
    one = torch.tensor([[0, 1 + 0j]], requires_grad=True)
    fidelity(torch.tensor([[1 + 0j, 0]]), one).sum().backward()
    assert torch.equal(one.grad, torch.zeros(1, 2, dtype=torch.complex64))
