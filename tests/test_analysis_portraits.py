"""Portraits of states with closed forms, and their drawings against the numbers that they show."""

import math

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from qdiffusion.analysis import portrait, portraits
from qdiffusion.analysis.portraitfigures import portrait_figures
from qdiffusion.analysis.portraits import haar_negative_share
from qdiffusion.data import Space
from qdiffusion.diffusion import ScramblerConfig, System
from qdiffusion.models import RawConfig, UnitaryConfig
from qdiffusion.plots.entangled import draw_pairs
from qdiffusion.plots.matrices import draw_hinton, draw_wigner
from qdiffusion.plots.states import phase_space
from qdiffusion.states import fidelity, haar, haar_magnitude_fidelity, magnitude_fidelity, projector, wigner


def ghz(n_qubits: int) -> torch.Tensor:
    state = torch.zeros(1 << n_qubits, dtype=torch.complex64)
    state[[0, -1]] = math.sqrt(0.5)
    return state


def turned(state: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Each amplitude with a phase of its own."""
    phases = 2 * math.pi * torch.rand(state.shape, generator=generator)
    return state * torch.polar(torch.ones_like(phases), phases)


def undoing(forward: ScramblerConfig, n_qubits: int) -> System:
    """Mirrored layers with the scrambler's angles, opposite and in opposite order: its inverse, level by level."""
    space = Space("states", (1 << n_qubits,))
    model = UnitaryConfig(forward.depth, n_steps=forward.timesteps, ansatz="mirrored").build(space)
    process = forward.build(space, 5)
    angles = -process.shared.view(forward.timesteps, forward.depth, n_qubits, 3).flip(-1).flatten(2)
    for place, layer in enumerate(model.layers):
        layer.weights.data.copy_(angles[:, -1 - place])
    return System(RawConfig().build(space), model, process)


def test_states_that_differ_by_phases_alone_have_all_their_magnitudes(generator):
    states = haar(20, 3, generator)
    others = turned(states, generator)
    torch.testing.assert_close(magnitude_fidelity(states, others), torch.ones(20))
    assert fidelity(states, others).max() < 0.99
    strangers = haar(20, 3, generator)
    assert (magnitude_fidelity(states, strangers) >= fidelity(states, strangers)).all()


@pytest.mark.parametrize("n_qubits", [1, 4])
def test_haar_states_have_the_magnitudes_of_the_closed_form(n_qubits, generator):
    """Of given states, and in the mean over those: within five standard errors of 40,000 states."""
    d, count = 1 << n_qubits, 40_000
    drawn = haar(count, n_qubits, generator).to(torch.complex128)
    basis, flat = torch.eye(d)[0], torch.full((d,), d**-0.5)
    for given in (basis, flat, haar(1, n_qubits, generator)[0]):
        found = magnitude_fidelity(given.to(drawn), drawn)
        floor = haar_magnitude_fidelity(given.to(drawn))
        assert abs(found.mean() - floor) < 5 * found.std() / count**0.5 + 1e-7
    floors = haar_magnitude_fidelity(drawn)
    assert abs(floors.mean() - (1 + (d - 1) * math.pi**2 / 16) / d) < 5 * floors.std() / count**0.5


@pytest.mark.parametrize("n_qubits", [2, 3, 5])
def test_a_ghz_state_has_two_equal_weights_and_a_bit_in_every_pair(n_qubits):
    """Of two qubits the pair is the whole, which is pure: two bits."""
    found = portrait("GHZ", ghz(n_qubits), ghz(n_qubits))
    weights = torch.zeros(1 << n_qubits // 2)
    weights[:2] = 0.5
    torch.testing.assert_close(found.spectrum, weights, rtol=0, atol=1e-6)
    bits = (2.0 if n_qubits == 2 else 1.0) * (1 - torch.eye(n_qubits))
    torch.testing.assert_close(found.information, bits, rtol=0, atol=1e-5)
    assert found.entropy == pytest.approx(1, abs=1e-5)
    assert found.purity == pytest.approx(1, abs=1e-5)
    assert (found.fidelity, found.magnitudes) == (pytest.approx(1), pytest.approx(1))
    assert found.wigner is not None
    assert found.wigner.sum().item() == pytest.approx(1, abs=1e-5)


def test_products_of_basis_states_have_nothing_negative_and_no_pairs(generator):
    state = torch.eye(8, dtype=torch.complex64)[5]
    found = portrait("product", state, haar(1, 3, generator)[0])
    assert (found.negative_share, found.sum_negativity, found.entropy) == (0, 0, 0)
    torch.testing.assert_close(found.information, torch.zeros(3, 3), rtol=0, atol=1e-6)
    torch.testing.assert_close(found.spectrum, torch.tensor([1.0, 0.0]))


def test_the_dominant_pair_is_the_entangled_one():
    """A Bell pair of qubits 1 and 3 of four."""
    state = torch.zeros(16, dtype=torch.complex64)
    state[[0b0000, 0b0101]] = math.sqrt(0.5)
    found = portrait("Bell", state, state)
    assert found.dominant == (1, 3)
    assert found.information[1, 3].item() == pytest.approx(2, abs=1e-5)


@pytest.mark.parametrize(
    "forward", [ScramblerConfig(3), ScramblerConfig(2, 3, prediction="previous"), ScramblerConfig(1, 1, salt=2)]
)
def test_what_undoes_the_whole_circuit_restores_the_original(forward, generator):
    """From the last level, whether in one step or level by level."""
    made, state = undoing(forward, 3), haar(1, 3, generator)
    original, scrambled, restored = portraits(made, state[0])
    last = torch.tensor([forward.timesteps - 1])
    expected = fidelity(state, made.process.noised(state, last, generator).x).item()
    assert scrambled.fidelity == pytest.approx(expected, abs=1e-5)
    assert expected < 0.9
    assert (original.fidelity, restored.fidelity) == (pytest.approx(1, abs=1e-5), pytest.approx(1, abs=1e-5))
    torch.testing.assert_close(restored.information, original.information, rtol=0, atol=1e-4)


@pytest.mark.parametrize("n_qubits", [1, 3])
def test_phase_space_has_the_populations_of_both_bases_at_its_edges(n_qubits, generator):
    """Columns sum to |⟨z|ψ⟩|², rows to |⟨x|ψ⟩|²."""
    state = haar(1, n_qubits, generator)[0].to(torch.complex128)
    found = phase_space(wigner(projector(state)))
    hadamard = np.array([[1.0]])
    for _ in range(n_qubits):
        hadamard = np.kron(hadamard, np.array([[1, 1], [1, -1]]) / math.sqrt(2))
    np.testing.assert_allclose(found.sum(0), np.abs(state.numpy()) ** 2, atol=1e-12)
    np.testing.assert_allclose(found.sum(1), np.abs(hadamard @ state.numpy()) ** 2, atol=1e-12)


def test_squares_have_the_area_and_the_colour_of_their_entries(generator):
    density = projector(haar(1, 2, generator)[0])
    squares = draw_hinton(Figure().add_subplot(), density, 0.5)
    boxes = [path.get_extents() for path in squares.get_paths()]
    areas = np.array([box.width * box.height for box in boxes]).reshape(4, 4)
    np.testing.assert_allclose(areas, density.abs() / 0.5, rtol=1e-5)
    centres = [((box.y0 + box.y1) / 2, (box.x0 + box.x1) / 2) for box in boxes]
    np.testing.assert_allclose(centres, [(row, column) for row in range(4) for column in range(4)], atol=1e-6)
    np.testing.assert_allclose(squares.get_array(), density.angle().flatten())


def test_wigners_colours_are_those_of_its_sign():
    axes = Figure().add_subplot()
    picture = draw_wigner(axes, torch.linspace(-1, 1, 16), 2.0)
    red, green, blue, _ = picture.to_rgba([-2.0, 0.0, 2.0]).T
    assert blue[0] > red[0]
    assert red[2] > blue[2]
    assert min(red[1], green[1], blue[1]) > 0.9
    assert picture.get_clim() == (-2, 2)


def test_lines_are_as_wide_as_the_pairs_share_and_the_largest_stands_out():
    axes, bits = Figure().add_subplot(), torch.zeros(4, 4)
    bits[0, 2] = bits[2, 0] = 1.5
    bits[1, 3] = bits[3, 1] = 0.75
    draw_pairs(axes, bits, 2.0, "blue", "red")
    widths = {line.get_color(): line.get_linewidth() for line in axes.lines if line.get_linewidth() > 0}
    assert widths["red"] == pytest.approx(2 * widths["blue"])
    assert {"1.50", "0.75"} <= {text.get_text() for text in axes.texts}


@pytest.mark.parametrize(("n_qubits", "matrices"), [(6, {"density", "wigner"}), (7, set())])
def test_matrices_of_many_qubits_are_left_out(n_qubits, matrices, generator):
    states = haar(3, n_qubits, generator)
    many = [portrait(name, state, states[0]) for name, state in zip("abc", states, strict=True)]
    assert set(portrait_figures(many)) == {"mutual-information", "schmidt"} | matrices
    assert (many[0].negative_share is None) == (not matrices)


def test_haar_states_of_one_qubit_are_negative_in_four_caps():
    """W_k < 0 where √3 r_k·s < -1 for the Bloch vector s: a cap of height 1 - 1/√3 opposite to each vertex, which is
    (1 - 1/√3)/2 of the sphere."""
    mean, spread = haar_negative_share(1)
    assert abs(mean - (1 - 3**-0.5) / 2) < 5 * spread / 200**0.5
