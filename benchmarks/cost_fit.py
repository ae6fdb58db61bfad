"""Which prices should the cost model have, and how well does it choose with them?

Fits the prices in `qdiffusion/circuits/plans/cost.py` to the times in a result of `cost_model.py`: a time is the sum of
counts of work times prices, none of them negative, with the least squares of relative errors. Each circuit is also
judged by the prices that all other circuits give.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from cost_model import choice, circuits, components, summary
from harness import ROOT
from numpy.typing import NDArray
from scipy.optimize import nnls

from qdiffusion.circuits import structure
from qdiffusion.circuits.plans.cost import STATE_NS, TREE_NS, state_work, tree_work
from qdiffusion.circuits.trees.shape.tree import grow_tree

Array = NDArray[np.float64]
WAYS = {"dense_s": STATE_NS, "clusters_s": TREE_NS}


def work(rows: list[dict[str, Any]]) -> list[Array]:
    """The counts of state vector and tree for every row."""
    parts = {}
    for circuit in circuits(quick=False):
        for component in components(circuit):
            rest, n_wires = structure.split_prefix(component)[1], len(component.wires)
            parts[circuit.name.split(" >> ")[-1], n_wires] = n_wires, structure.fuse(rest), grow_tree(n_wires, rest)
    states, trees = [], []
    for row in rows:
        n_wires, blocks, tree = parts[row["circuit"], row["wires"]]
        states.append(state_work(n_wires, blocks, row["batch"]))
        trees.append(tree_work(tree, row["batch"]))
    return [np.array(states, dtype=float), np.array(trees, dtype=float)]


def fitted(counts: Array, nanoseconds: Array) -> Array:
    prices, _ = nnls(counts / nanoseconds[:, None], np.ones(len(counts)))
    return prices


def judged(rows: list[dict[str, Any]], costs: list[Array]) -> str:
    """How often the costs choose the faster way."""
    judged = [
        {**row, "loss": choice(row["dense_s"]["median"], row["clusters_s"]["median"], *pair)[1]}
        for row, *pair in zip(rows, *costs, strict=True)
    ]
    return "; ".join(
        f"{name}: {text}" for name, text in summary(judged, sorted({row["batch"] for row in rows})).items()
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results" / "cost_model.json")
    rows = json.loads(parser.parse_args().results.read_text(encoding="utf-8"))["rows"]
    names = np.array([f"{row['circuit']}, {row['wires']} wires" for row in rows])
    present, refitted, left_out = [], [], []
    for counts, (way, prices) in zip(work(rows), WAYS.items(), strict=True):
        times = np.array([row[way]["median"] * 1e9 for row in rows])
        fit = fitted(counts, times)
        print(f"{way}: {', '.join(f'{price:.2g}' for price in fit)} ns")
        present.append(counts @ prices)
        refitted.append(counts @ fit)
        others = {name: fitted(counts[names != name], times[names != name]) for name in set(names)}
        left_out.append(np.array([row @ others[name] for row, name in zip(counts, names, strict=True)]))
    print("as it is:", judged(rows, present))
    print("refitted:", judged(rows, refitted))
    print("each circuit by the others' prices:", judged(rows, left_out))


if __name__ == "__main__":
    main()
