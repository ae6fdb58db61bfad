"""Does the plan's cost model choose the faster way of computing a component: a state vector, or a tree of clusters?

Both ways are timed, forward and all gradients, on line brickwork of CNOT (8 to 20 wires, 2 to 10 layers) and on HQConv
(1 to 4 channels), for a batch of samples with ⟨Z⟩ of every wire, in float32 and one thread. `loss` is how much longer
the chosen way took than the other; 1 where the faster one was chosen. `cost_fit.py` fits the model's prices to these
times.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from harness import Effort, Timing, measure, parser, publish, report
from torch import Tensor

from qdiffusion.circuits import Circuit, Gate, angle_encoding, circuit_of, hqconv, structure, weight
from qdiffusion.circuits.plans.cost import cluster_cost, dense_cost
from qdiffusion.circuits.structure import Component
from qdiffusion.circuits.trees.clusterwords import ClusterWords
from qdiffusion.circuits.trees.shape.tree import grow_tree
from qdiffusion.circuits.vectors.dense import DenseWords

EFFORT, QUICK = Effort(repeats=3, seconds=0.2), Effort(repeats=1, seconds=0.0)
MOST_AMPLITUDES = 1 << 21
"""Larger batches of states are left out: they take seconds and no model would choose them."""


def brickwork(n_wires: int, n_layers: int) -> Circuit:
    """RX, RZ on every wire and bricks of CNOT."""
    found: list[Gate] = []
    for layer in range(n_layers):
        for wire in range(n_wires):
            found += [
                Gate(name, (wire,), weight(2 * (layer * n_wires + wire) + i)) for i, name in enumerate(("rx", "rz"))
            ]
        found += [Gate("x", (wire + 1,), controls=(wire,)) for wire in range(layer % 2, n_wires - 1, 2)]
    return angle_encoding(n_wires, axis="y") >> circuit_of(n_wires, found, f"brickwork({n_wires}, {n_layers})")


def circuits(quick: bool) -> Iterator[Circuit]:
    if quick:
        yield brickwork(8, 2)
        return
    for n_wires in (8, 11, 14, 17, 20):
        for n_layers in (2, 4, 6, 8, 10):
            yield brickwork(n_wires, n_layers)
    for n_channels in (1, 2, 3, 4):
        for n_layers in (1, 2, 3):
            yield angle_encoding(4 * n_channels) >> hqconv(n_layers, n_channels=n_channels)


def components(circuit: Circuit) -> list[Component]:
    """Those of more than one wire, light cones cut."""
    cone = structure.light_cone(circuit.gates, range(circuit.n_wires), ())
    found = structure.split_components(circuit.n_wires, [circuit.gates[place] for place in cone])
    return [component for component in found if len(component.wires) > 1]


def seconds(method: DenseWords | ClusterWords, circuit: Circuit, batch: int, effort: Effort) -> tuple[Timing, Tensor]:
    """Forward and gradients by inputs and weights; the values to compare."""
    generator = torch.Generator().manual_seed(0)
    weights, inputs = (
        (6.3 * torch.rand(shape, generator=generator)).requires_grad_()
        for shape in ((1, 1, circuit.n_weights), (1, 1, batch, circuit.n_inputs))
    )

    def run() -> None:
        torch.autograd.grad(method(weights, inputs).sum(), [weights, inputs])

    with torch.no_grad():
        values = method(weights, inputs)
    return measure(run, effort), values


def choice(dense: float, clusters: float, by_states: float, by_clusters: float) -> tuple[str, float]:
    """What the model takes, by its costs of both ways, and its loss by their times."""
    times = {"dense": dense, "clusters": clusters}
    chosen = "clusters" if by_clusters < by_states else "dense"
    return chosen, times[chosen] / min(times.values())


def row(circuit: Circuit, component: Component, batch: int, effort: Effort) -> dict[str, Any] | None:
    """Both ways on one component; None where there is no choice."""
    n_wires = len(component.wires)
    prefix, rest = structure.split_prefix(component)
    tree, blocks = grow_tree(n_wires, rest), structure.fuse(rest)
    by_clusters = cluster_cost(tree, batch) if len(tree.clusters) > 1 else None
    if by_clusters is None or batch << n_wires > MOST_AMPLITUDES:
        return None
    words = [((wire, "Z"),) for wire in range(n_wires)]
    dense, values = seconds(DenseWords([component], words, circuit.n_weights), circuit, batch, effort)
    clusters, others = seconds(ClusterWords(tree, prefix, words, circuit.n_weights), circuit, batch, effort)
    if not torch.allclose(values, others, atol=1e-4):
        raise SystemExit(f"{circuit.name}: the two ways differ; no time is reported.")
    by_states = dense_cost(n_wires, blocks, batch)
    chosen, loss = choice(dense.median, clusters.median, by_states, by_clusters)
    return {
        "circuit": circuit.name.split(" >> ")[-1],
        "wires": n_wires,
        "batch": batch,
        "blocks": len(blocks),
        "clusters": len(tree.clusters),
        "dense_s": dense,
        "clusters_s": clusters,
        "dense_cost_s": by_states * 1e-9,
        "cluster_cost_s": by_clusters * 1e-9,
        "chosen": chosen,
        "loss": loss,
    }


def summary(rows: Sequence[dict[str, Any]], batches: Sequence[int]) -> dict[str, Any]:
    """How often the faster way was chosen, and the worst loss, for each batch size."""
    found = {}
    for batch in batches:
        losses = [row["loss"] for row in rows if row["batch"] == batch]
        if losses:
            right = sum(loss == 1 for loss in losses)
            found[f"batch {batch}"] = f"{right} of {len(losses)} right, worst loss {max(losses):.2f}"
    return found


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--batch", type=int, nargs="+", default=[1, 16, 128])
    args = options.parse_args()
    torch.set_num_threads(1)
    effort = QUICK if args.quick else EFFORT
    rows = [
        found
        for circuit in circuits(args.quick)
        for component in components(circuit)
        for batch in args.batch
        if (found := row(circuit, component, batch, effort)) is not None
    ]
    result = report("Does the cost model choose the faster of two ways", rows, [], [], quick=args.quick)
    publish({**result, "summary": summary(rows, args.batch)}, args.out)


if __name__ == "__main__":
    main()
