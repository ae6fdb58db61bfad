"""What is compared in benchmarks/ computes the same, and what they write can be read."""

import json
import os
import sys
from dataclasses import replace

import banks
import circuits
import cost_fit
import harness
import numpy as np
import peers
import pytest
import sampling
import table
import torch
import training_step
from plain_unet import PlainUNet
from problem import Answer, Problem, check

from qdiffusion.data import Space
from qdiffusion.diffusion import GaussianConfig, System
from qdiffusion.diffusion.frozen import frozen
from qdiffusion.models import PixelsConfig, UNetConfig

QUICK = harness.Effort(repeats=1, seconds=0.0)
PEERS = [name for name in peers.PEERS if "JAX" not in name]


@pytest.mark.filterwarnings("ignore")  # peers' own
@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("ansatz", ["hqconv", "fqconv"])
def test_peers_values_and_gradients_are_ours(name, ansatz):
    if peers.PEERS[name].missing:
        pytest.skip("not installed")
    problem = Problem(ansatz, batch=2, n_layers=2)
    engine = peers.PEERS[name].build(problem)
    expected = peers.ours(problem, torch.float64).gradients()
    check(name, engine.gradients(), expected, 1e-5)
    np.testing.assert_allclose(np.asarray(engine.forward()), expected.values, rtol=0, atol=1e-5)


@pytest.mark.parametrize("ansatz", ["hqconv", "fqconv"])
def test_banks_are_their_circuits_one_by_one_in_plain_torch(ansatz):
    problem = Problem(ansatz, batch=2, n_circuits=3)
    plain = peers.plain_torch(problem, torch.float64).gradients()
    check("plain", plain, peers.ours(problem, torch.float64).gradients(), 1e-10)


def test_first_samples_of_a_problem_are_the_same_numbers():
    whole, part = Problem("fqconv", 5), Problem("fqconv", 5).first(2)
    for mine, theirs in zip(part.numbers(), whole.numbers(), strict=True):
        np.testing.assert_array_equal(mine, theirs[: len(mine)])
    assert part.batch == 2
    assert not np.array_equal(whole.numbers()[0], replace(whole, seed=1).numbers()[0])


@pytest.mark.parametrize("field", ["values", "grad_x", "grad_weights"])
@pytest.mark.parametrize("wrong", [1e-3, float("nan")])
def test_a_peer_that_differs_anywhere_is_not_timed(field, wrong):
    answer = Answer(*(np.zeros((2, 3)) for _ in range(3)))
    off = np.zeros((2, 3))
    off[1, 2] = wrong
    check("same", answer, answer)
    with pytest.raises(SystemExit, match=r"differs .* not timed"):
        check("peer", replace(answer, **{field: off}), answer)


def test_plain_unet_is_the_unet_gradients_included():
    model = UNetConfig(dim=4, multipliers=(1, 2, 3), heads=2, head_dim=4, groups=4).build(training_step.SPACE).double()
    images = torch.rand(2, 1, 28, 28, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found = []
    for network in (PlainUNet(model), model):
        loss = training_step.loss_of(network, images, seed=3)
        found.append([loss, *torch.autograd.grad(loss, list(model.parameters()))])
    for plain, ours in zip(*found, strict=True):
        torch.testing.assert_close(plain, ours, rtol=1e-9, atol=1e-12)


def test_comparison_of_training_steps_finds_a_wrong_network(monkeypatch):
    model = UNetConfig(dim=4, multipliers=(1, 2), heads=1, head_dim=4, groups=4).build(Space("images", (1, 8, 8)))
    images = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    training_step.check_plain(model, images)
    monkeypatch.setattr("plain_unet.LAYER_EPS", 1e-1)
    with pytest.raises(SystemExit, match="not timed"):
        training_step.check_plain(model, images)


def test_a_timing_is_of_the_calls_after_the_warm_up():
    calls = []
    timing = harness.measure(lambda: calls.append(len(calls)), harness.Effort(repeats=4, seconds=0.0))
    assert (len(calls), timing.repeats) == (5, 4)
    assert timing.min <= timing.median <= timing.max
    assert harness.timing_of([3.0, 1.0, 2.0]) == harness.Timing(2.0, 1.0, 3.0, 3)


def test_sides_take_turns_and_every_turn_is_kept():
    order = []

    def turn(name, times):
        order.append(name)
        return times

    times = harness.take_turns({"a": lambda: turn("a", [1.0, 2.0, 6.0]), "b": lambda: turn("b", [4.0])}, 2)
    assert order == ["a", "b", "a", "b"]
    assert times["a"].turns == (harness.Turn(2.0, 1.0, 6.0),) * 2
    assert (times["a"].repeats, times["b"].median) == (6, 4.0)
    assert times["a"].scaled(3) == harness.timing_of([3.0, 6.0, 18.0], [3.0, 6.0, 18.0])


def test_a_ratio_of_rounds_does_not_see_the_machine_slow_down():
    """Twice as long in every round, while the machine becomes ten times slower; the medians' ratio is another."""
    slow, fast = harness.timing_of([2.0], [20.0]), harness.timing_of([1.0], [10.0, 10.0, 10.0])
    assert slow.over(fast) == 2.0
    assert slow.median / fast.median != 2.0


def prepared(answer):
    calls = []
    return harness.Ready((answer, os.getpid()), {"call": lambda: calls.append(1)})


def failing():
    raise ValueError("not built")


def test_a_side_is_a_process_that_keeps_what_it_has_prepared():
    with harness.Side(prepared, 7) as side:
        assert side.given[0] == 7
        assert side.given[1] != os.getpid()
        assert len(side.turn("call", seconds=0.0)) == 1
        assert min(side.turn("call", seconds=1e-3)) > 0
    with pytest.raises(ValueError, match="not built"):
        harness.Side(failing)


def test_peers_are_chosen_by_words_of_their_names():
    assert circuits.chosen(["lightning", "TORCH,"]) == [
        name for name in peers.PEERS if any(word in name for word in ("qdiffusion", "lightning", "torch,"))
    ]
    with pytest.raises(SystemExit, match="No peer is named nobody"):
        circuits.chosen(["lightning", "nobody"])


def seconds(median: float) -> harness.Timing:
    return harness.timing_of([median], [median])


def test_circuit_bars_compare_with_the_fastest_peer():
    times = [("qdiffusion", 1.0), ("slow", 500.0), ("fast", 60.0)]
    rows = [
        {"peer": peer, "ansatz": ansatz, "gradients_s": seconds(time)}
        for ansatz in ("hqconv", "fqconv")
        for peer, time in times
    ]
    bars = circuits.bars(circuits.with_ratios(rows))
    assert [(bar.value, bar.limit, bar.met) for bar in bars] == [(60.0, 40.0, True), (60.0, 100.0, False)]
    assert all("fast" in bar.what for bar in bars)


def test_training_bars_are_ratios_to_our_classical_step():
    rows = training_step.rows_of(
        {"plain U-Net": seconds(4.0), "unet-classical": seconds(2.0), "qvunet-1fq": seconds(2.2)}, 128
    )
    bars = training_step.bars(rows)
    assert [(bar.value, bar.met) for bar in bars] == [(0.5, True), (1.1, False)]


def test_sampling_is_scaled_to_an_image_and_step_and_held_to_the_classical_model():
    times = {
        name: seconds(time)
        for name, time in (
            ("unet-classical", 2.0),
            ("plain loop, unet-classical", 5.0),
            ("qvunet-1fq", 2.4),
            ("plain loop, qvunet-1fq", 4.8),
        )
    }
    rows = sampling.rows_of(times, count=100)
    assert [(row["image_step_s"].median, row["plain_s"].median) for row in rows] == [(0.01, 0.025), (0.012, 0.024)]
    assert [row["of_plain"] for row in rows] == pytest.approx([0.4, 0.5])
    minutes, ratio = sampling.bars(rows)
    assert (minutes.value, minutes.met) == (pytest.approx(7000 * 50 * 0.01 / 60), False)
    assert (ratio.value, ratio.met) == (pytest.approx(1.2), False)


def test_a_frozen_network_that_samples_otherwise_is_not_timed():
    space = Space("images", (1, 8, 8))
    system, other = (
        System(PixelsConfig().build(space), UNetConfig(**small).build(space).eval(), GaussianConfig().build(space, 0))
        for small in [{"dim": 4, "multipliers": (1, 2), "heads": 1, "head_dim": 4, "groups": 4}] * 2
    )
    sampling.check("same", system, frozen(system))
    with pytest.raises(SystemExit, match=r"differs from itself .* not timed"):
        sampling.check("other", system, frozen(other))


def test_results_are_json_that_becomes_a_table(tmp_path, monkeypatch, capsys):
    # In this process: children are for times, and this test is of what is written.
    monkeypatch.setattr(banks, "in_child", lambda function, *args: function(*args))
    monkeypatch.setattr(banks, "cores", lambda: 1)
    rows = [banks.row(Problem("fqconv", *size), QUICK) for size in ((3, 2), (3, 1))]
    result = harness.report("A question", rows, banks.bars(rows), ["jax: not installed"], quick=False)
    harness.publish(result, tmp_path / "results" / "banks.json")
    assert json.loads(capsys.readouterr().out) == json.loads((tmp_path / "results" / "banks.json").read_text())
    monkeypatch.setattr(
        sys, "argv", ["table", "--results", str(tmp_path / "results"), "--out", str(tmp_path / "benchmarks.md")]
    )
    table.main()
    page = (tmp_path / "benchmarks.md").read_text()
    first = rows[0]["gradients_s"]
    for text in ("## banks", "A question", "jax: not installed", f"torch {torch.__version__}", f"{first.median:.3g} ("):
        assert text in page
    widths = {line.count("|") for line in page.split("| peer")[1].split("\n\n")[0].splitlines()[1:]}
    assert len(widths) == 1


def test_quick_runs_judge_no_bars():
    bars = [harness.Bar("x", 1.0, 2.0, "lower")]
    assert harness.report("q", [], bars, [], quick=True)["bars"] == []
    assert harness.report("q", [], bars, [], quick=False)["bars"][0]["met"] is True


def test_prices_are_fitted_back_from_the_times_they_make():
    """The counts of work of the published cases tell all prices apart."""
    rows = json.loads((harness.ROOT / "benchmarks" / "results" / "cost_model.json").read_text(encoding="utf-8"))["rows"]
    for counts, prices in zip(cost_fit.work(rows), cost_fit.WAYS.values(), strict=True):
        np.testing.assert_allclose(cost_fit.fitted(counts, counts @ prices), prices, rtol=1e-6)
