"""How deep circuits scramble and how steep it is to undo them, against closed forms and known laws."""

import math

import pytest
import torch

from qdiffusion.analysis import (
    LANDSCAPES,
    Steepness,
    scrambling,
    study_gradients,
    study_scrambling,
)
from qdiffusion.analysis.gradients import squared_slopes
from qdiffusion.analysis.scrambling import logged_fit
from qdiffusion.cli import main
from qdiffusion.errors import UsageError
from qdiffusion.states import derived, ladder_angles

BY_NAME = {each.name: each for each in LANDSCAPES}


def steepness(variances: list[float]) -> Steepness:
    return Steepness(LANDSCAPES[0], (2, 4, 8), tuple(variances), (0.0,) * 3)


def test_exact_laws_are_found():
    exponential = steepness([4.0**-n for n in (2, 4, 8)]).exponential
    assert (exponential.slope, exponential.explained) == (pytest.approx(-2), pytest.approx(1))
    polynomial = steepness([3 * n**-1.5 for n in (2, 4, 8)]).polynomial
    assert (polynomial.slope, polynomial.explained) == (pytest.approx(-1.5), pytest.approx(1))
    assert steepness([3 * n**-1.5 for n in (2, 4, 8)]).exponential.explained < 0.99


def test_one_mirrored_layer_has_local_slopes_of_one_over_n():
    """The scrambler's CNOTs cancel: each qubit has a cost of its own, which counts 1/n; n² times the variance is that
    of one qubit.
    """
    found = {n: squared_slopes(BY_NAME["local, one layer"], n, 4000, derived(n)) for n in (1, 2, 4)}
    one = float(found[1].mean())
    for n in (2, 4):
        scaled = n**2 * found[n]
        assert abs(float(scaled.mean()) - one) < 5 * float(scaled.std() + found[1].std()) / math.sqrt(4000)


def test_global_slopes_of_deep_circuits_fall_exponentially_and_local_ones_of_shallow_circuits_do_not():
    chosen = (BY_NAME["global, deep"], BY_NAME["local, one layer"])
    deep, shallow = study_gradients((2, 3, 4, 5, 6), draws=100, landscapes=chosen)
    assert abs(deep.exponential.slope + 2) < 0.3
    assert abs(shallow.polynomial.slope + 2) < 0.3
    assert shallow.polynomial.explained > shallow.exponential.explained


@pytest.mark.parametrize("qubits", [(2, 4), (4, 2, 6), (1, 2, 3), (2, 4, 20)])
def test_gradients_of_other_sizes_are_refused(qubits):
    with pytest.raises(UsageError, match="qubits"):
        study_gradients(qubits)


def test_four_qubits_scramble_at_the_logged_depth():
    study = study_scrambling((4,), draws=40)
    (curve,) = study.curves
    assert curve.saturated in (5, 6)
    assert all(abs(value) < 1e-6 for value in curve.decay[:2])
    assert curve.page == pytest.approx(1.33, abs=5e-3)
    assert all(0 <= entropy <= 2 for entropy in curve.entropies)
    assert curve.entropies[-1] == pytest.approx(curve.page, abs=0.3)
    assert study.fit is None


def test_the_logs_own_slope_is_not_the_one_it_states():
    assert logged_fit().slope == pytest.approx(1.65)


def test_entropies_are_those_of_the_circuits_whose_correlators_are_told(monkeypatch):
    used = []

    def recorded(name):
        inner = getattr(scrambling, name)

        def called(*given):
            used.append((name, given))
            return inner(*given)

        monkeypatch.setattr(scrambling, name, called)

    recorded("ladder_decay")
    recorded("_entropies")
    study_scrambling((3,), draws=2)
    *decays, (name, (n_qubits, angles)) = used
    assert (name, n_qubits, len(decays)) == ("_entropies", 3, 2)
    for draw, (_, (n, depths, count, _)) in enumerate(decays):
        assert torch.equal(angles[draw], ladder_angles(n, max(depths), count, derived(0, n, draw))[0])


@pytest.mark.parametrize(("qubits", "draws"), [((), 1), ((1,), 1), ((8, 4), 1), ((4, 19), 1), ((4,), 0)])
def test_scrambling_of_other_sizes_is_refused(qubits, draws):
    with pytest.raises(UsageError):
        study_scrambling(qubits, draws)


@pytest.mark.parametrize("study", [study_scrambling, study_gradients])
def test_negative_seeds_are_refused(study):
    with pytest.raises(UsageError, match="seed is -1"):
        study(seed=-1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["scrambling", "--qubits", "2,3,4", "--draws", "2"], "layers a qubit"),
        (["gradients", "--qubits", "2,3,4", "--draws", "3"], "4^-n"),
    ],
)
def test_the_commands_print_and_write_the_same(words, said, tmp_path, capsys):
    assert main(["analyze", *words, "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert said in shown
    page = (tmp_path / f"{words[0]}.md").read_text()
    assert said in page
    assert f"--qubits {words[2]}" in page
    assert (tmp_path / f"{words[0]}.png").stat().st_size > 10_000
