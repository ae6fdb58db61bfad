"""Expressibility, entangling capability and costs: closed forms, Haar states, and PennyLane's circuits."""

import csv
import math
from itertools import pairwise

import matplotlib.image
import numpy as np
import pennylane as qml
import pytest
import torch
from scipy.integrate import quad

from qdiffusion.analysis import (
    ANSATZE,
    divergence_floor,
    encoding_costs,
    expressibility,
    study_ansatze,
    write_ansatz_study,
)
from qdiffusion.analysis.expressibility import log_haar_masses
from qdiffusion.analysis.pages import ansatz_rows, encoding_rows
from qdiffusion.circuits import Gate, QuantumLayer, circuit_of, conv_grover, state, state_preparation
from qdiffusion.circuits.structure import depth
from qdiffusion.cli import main
from qdiffusion.errors import UsageError
from qdiffusion.states import fidelity, haar


def haar_fidelities(count: int, n_qubits: int, generator: torch.Generator) -> torch.Tensor:
    return fidelity(haar(count, n_qubits, generator), haar(count, n_qubits, generator)).double()


@pytest.mark.parametrize("size", [2, 4, 16])
def test_haar_masses_are_integrals_of_the_density(size):
    edges = np.linspace(0, 1, 11)
    expected = [quad(lambda f: (size - 1) * (1 - f) ** (size - 2), *ends)[0] for ends in pairwise(edges)]
    np.testing.assert_allclose(np.exp(log_haar_masses(size, 10)), expected, rtol=1e-8)


def test_haar_masses_that_no_number_holds_have_logarithms():
    """(1/75)^4095 is less than the smallest double."""
    logs = log_haar_masses(4096, 75)
    assert np.isfinite(logs).all()
    np.testing.assert_allclose(logs[-1], -4095 * math.log(75))


def test_a_circuit_of_one_state_has_the_largest_divergence(generator):
    """All fidelities are 1: ln 1 - ln n_bins^-(N-1); resampled they are the same."""
    found = expressibility(torch.ones(50, dtype=torch.float64), 16, 75, generator)
    assert found.divergence == pytest.approx(15 * math.log(75))
    assert found.error == 0


def test_haar_states_score_the_floor(generator):
    """The mean over many samples of 300 pairs, within its own standard error; twice the pairs have about half of it."""
    size, n_bins, pairs, repeats = 8, 20, 300, 400
    found = [
        expressibility(part, size, n_bins, generator).divergence
        for part in haar_fidelities(pairs * repeats, 3, generator).split(pairs)
    ]
    floor = divergence_floor(size, n_bins, pairs)
    assert abs(np.mean(found) - floor) < 4 * np.std(found) / math.sqrt(repeats)
    assert divergence_floor(size, n_bins, 2 * pairs) == pytest.approx(floor / 2, rel=0.15)


def test_the_floor_of_few_pairs_by_hand():
    """One pair: Σ q_i ln(1/q_i). Two pairs: half of the time in one bin of two … all outcomes counted."""
    q = np.exp(log_haar_masses(4, 3))
    assert divergence_floor(4, 3, 1) == pytest.approx(-(q @ np.log(q)))
    two = sum(
        q[i] * q[j] * sum(p * math.log(p / q[k]) for k in {i, j} if (p := ((i == k) + (j == k)) / 2))
        for i in range(3)
        for j in range(3)
    )
    assert divergence_floor(4, 3, 2) == pytest.approx(two)


def test_the_error_is_that_of_other_samples(generator):
    """The resampled standard deviation against that of independent samples."""
    found = [
        expressibility(part, 4, 10, generator) for part in haar_fidelities(500 * 100, 2, generator).square().split(500)
    ]
    spread = np.std([each.divergence for each in found])
    assert np.mean([each.error for each in found]) == pytest.approx(spread, rel=0.3)


def test_deep_circuits_score_what_haar_states_do():
    """Deep circuits are Haar's: (2^n - 2) / (2^n + 1) of three wires is 6/9."""
    study = study_ansatze(["strongly-entangling"], n_wires=3, n_layers=6, n_samples=1500, n_bins=20)
    (score,) = study.scores
    assert abs(score.divergence - study.floor) < 5 * score.divergence_error
    assert abs(score.entangling - 6 / 9) < 5 * score.entangling_error
    assert study.haar_entangling == pytest.approx(6 / 9)


def test_one_layer_of_cz_bricks_has_a_closed_form():
    """RX(a), RY(b) on both wires make ⟨Z⟩ = cos a cos b; CZ then entangles by Q = (1 - ⟨Z_0⟩²)(1 - ⟨Z_1⟩²), in the mean
    (1 - ¼)² = 9/16.
    """
    (score,) = study_ansatze(["cz-brickwork"], n_wires=2, n_layers=1, n_samples=4000).scores
    assert abs(score.entangling - 9 / 16) < 5 * score.entangling_error
    assert score.entangling_error < 0.01


def test_a_study_is_a_function_of_its_seed_whatever_else_is_studied():
    arguments = {"n_wires": 4, "n_layers": 1, "n_samples": 40, "seed": 3}
    alone = study_ansatze(["hqconv"], **arguments)
    among = study_ansatze(**arguments)
    assert set(alone.scores) <= set(among.scores)
    assert study_ansatze(["hqconv"], **{**arguments, "seed": 4}).scores != alone.scores


@pytest.mark.parametrize(("n_wires", "absent"), [(3, {"hqconv", "fqconv"}), (4, {"fqconv"}), (12, {"conv-grover"})])
def test_all_that_fit_are_studied(n_wires, absent):
    found = study_ansatze(n_wires=n_wires, n_layers=1, n_samples=2)
    assert {score.name for score in found.scores} == set(ANSATZE) - absent
    assert all(score.entangling > 0 for score in found.scores)


def test_convolution_and_grover_commute_with_all_flips():
    """Why conv-grover is far from Haar: it keeps the eigenspaces of X⊗ⁿ."""
    circuit = conv_grover(3, 2)
    layer = QuantumLayer(state_preparation(3) >> circuit, state()).double()
    u = layer(torch.eye(8, dtype=torch.complex128)[:, None])[:, 0].mT
    torch.testing.assert_close(u.flip(0), u.flip(1), rtol=0, atol=1e-12)
    assert not torch.allclose(u, torch.eye(8, dtype=u.dtype))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"names": ["conv"]}, "Unknown ansatz 'conv'; there are conv-phase"),
        ({"names": ["fqconv"]}, "fqconv is made for wires 12, not for 4"),
        ({"names": ["hqconv"], "n_wires": 6}, "a multiple of 4, not for 6"),
        ({"n_wires": 1}, "wires is 1"),
        ({"n_wires": 15}, "2 to 14"),
        ({"n_layers": 0}, "layers is 0"),
        ({"n_samples": 1}, "samples is 1"),
        ({"n_bins": 1}, "bins is 1"),
    ],
)
def test_what_cannot_be_studied_is_refused(arguments, sentence):
    with pytest.raises(UsageError, match=sentence):
        study_ansatze(**arguments)


def test_the_study_on_paper(tmp_path, capsys):
    words = ["analyze", "ansatz", "conv-phase", "strongly-entangling", "--samples", "30", "--seed", "2"]
    assert main([*words, "--out", str(tmp_path / "new" / "out")]) == 0
    out, shown = tmp_path / "new" / "out", capsys.readouterr().out
    study = study_ansatze(["conv-phase", "strongly-entangling"], n_samples=30, seed=2)
    head, rows = ansatz_rows(study)
    assert [row[-2:] for row in rows] == [["0.0017–0.0020", "0.82"], ["–", "–"], ["–", "–"]]
    text = (out / "ansatz.md").read_text()
    for row in rows:
        assert all(cell in shown for cell in row)
        assert "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" in text
    for condition in ("--wires 4 --layers 5 --samples 30 --bins 75 --seed 2", torch.__version__, "platform"):
        assert condition in text
    lines = list(csv.DictReader((out / "ansatz.csv").read_text().splitlines()))
    assert [float(line["divergence"]) for line in lines] == [score.divergence for score in study.scores]
    assert {line["floor"] for line in lines} == {str(study.floor)}
    assert matplotlib.image.imread(out / "ansatz.png").std() > 0
    assert len(head) == len(rows[0])


def test_elsewhere_nothing_is_reported(tmp_path):
    study = study_ansatze(["basic-entangling"], n_wires=2, n_layers=1, n_samples=5)
    head, _ = ansatz_rows(study)
    assert not any("QAMP" in name for name in head)
    write_ansatz_study(tmp_path, study, "command")
    assert "QAMP" not in (tmp_path / "ansatz.md").read_text()


def costs(n_features: int, **arguments) -> dict[str, tuple[int, ...]]:
    return {
        cost.name: (cost.n_qubits, cost.depth, cost.n_one, cost.n_two)
        for cost in encoding_costs(n_features, **arguments)
    }


@pytest.mark.parametrize("n_features", [2, 4, 8, 16])
def test_amplitudes_cost_what_pennylane_needs(n_features, generator):
    for name, count, dtype in (
        ("amplitude, real", n_features, torch.float64),
        ("amplitude, complex", max(2, n_features // 2), torch.complex128),
    ):
        x = torch.randn(count, dtype=dtype, generator=generator)
        # Of real ones PennyLane makes signs phases; RY alone can do both.
        x = (x if x.is_complex() else x.abs()) / x.norm()
        n_wires = (count - 1).bit_length()
        gates = qml.MottonenStatePreparation.compute_decomposition(x.numpy(), list(range(n_wires)))
        gates = [gate for gate in gates if gate.name != "GlobalPhase"]
        tape = qml.tape.QuantumScript(gates)
        sizes = [len(gate.wires) for gate in gates]
        expected = (n_wires, tape.graph.get_depth(), sizes.count(1), sizes.count(2))
        assert costs(n_features)[name] == expected


@pytest.mark.parametrize("n", [3, 8])
def test_encodings_cost_what_their_gates_say(n):
    found, half = costs(n, n_bits=5, n_repeats=2), math.ceil(n / 2)
    assert found["basis, 5 bits"] == (5 * n, 1, 5 * n, 0)
    assert found["angle"] == (n, 1, n, 0)
    assert found["phase"] == (n, 2, 2 * n, 0)
    assert found["dense angle"] == (half, 2, 2 * half, 0)
    # Pairs in their order: (0, 1), …, (0, n-1), then (1, 2) when (0, 2) is done …
    assert found["IQP"] == (n, 2 + 2 * n - 3, 2 * n, n * (n - 1) // 2)
    assert found["re-uploading × 2"][0] == n
    assert found["re-uploading × 2"][2:] == (4 * n, 2 * n)
    assert {cost.features_per_qubit for cost in encoding_costs(n) if cost.name == "angle"} == {1}


def test_depth_equals_pennylanes(generator):
    for seed in range(5):
        drawn = torch.randint(4, (30, 2), generator=generator.manual_seed(seed)).tolist()
        gates = [("x", (a,), ()) if a == b else ("x", (a,), (b,)) for a, b in drawn]
        ours = circuit_of(4, [Gate(name, targets, controls=controls) for name, targets, controls in gates], "random")
        theirs = [qml.CNOT([*controls, *targets]) if controls else qml.X(targets[0]) for _, targets, controls in gates]
        assert depth(ours.gates) == qml.tape.QuantumScript(theirs).graph.get_depth()
    assert depth([]) == 0


def test_encodings_on_paper(tmp_path, capsys):
    assert main(["analyze", "encodings", "--features", "6", "--out", str(tmp_path)]) == 0
    shown, text = capsys.readouterr().out, (tmp_path / "encodings.md").read_text()
    _, rows = encoding_rows(encoding_costs(6))
    for row in rows:
        assert "| " + " | ".join(row) + " |" in text
        assert row[0] in shown
    assert "--features 6 --bits 8 --repeats 3" in text
    assert matplotlib.image.imread(tmp_path / "encodings.png").std() > 0
    assert main(["analyze", "encodings", "--features", "0"]) == 2
    assert "features is 0, but must be at least 1" in capsys.readouterr().err
