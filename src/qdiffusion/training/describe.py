"""What an experiment's models consist of: layers, circuits, and parameters by kind."""

from collections.abc import Hashable
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from qdiffusion.circuits import QuantumLayer
from qdiffusion.data.space import Space
from qdiffusion.diffusion.system import System
from qdiffusion.runs.description import CircuitFacts, DeadParameters, Description, LayerFacts, ParameterCount
from qdiffusion.training.building import build_system
from qdiffusion.training.dead import dead_parameters
from qdiffusion.training.drawing import drawings
from qdiffusion.training.experiment import Experiment

MOST_RUNS = 6
"""Runs of dead indices that are told of one parameter."""


def describe(experiment: Experiment, space: Space | None = None) -> tuple[Description, ...]:
    """Build the experiment's models, one after the other, and measure each; "dead" parameters are defined in `dead`.

    Args:
        experiment: what would be trained.
        space: of the items; None reads the data to see.

    Returns:
        A description of every model that some stage trains, in order.

    Raises:
        UsageError: a model does not fit the data.
        DataError: the data, whose shape decides the model's, cannot be read.
    """
    if space is None:
        space = experiment.data.load("train").space
    stages: dict[Any, list[int]] = {}
    for index in range(len(experiment.stages)):
        stages.setdefault(experiment.model_of(index), []).append(index)
    return tuple(_describe(experiment, space, indices) for indices in stages.values())


def _describe(experiment: Experiment, space: Space, indices: list[int]) -> Description:
    system = build_system(experiment, space, indices[0]).eval()
    layers = tuple(_layers(system))
    dead = dead_parameters(system)
    return Description(
        name=experiment.name,
        stage=", ".join(experiment.stages[index].name for index in indices),
        parameters=_count(system, dead),
        dead=tuple(_named(name, where.flatten()) for name, where in dead.items() if where.any()),
        circuits=tuple(_circuits(system)),
        layers=layers,
        drawings=drawings(system.denoiser),
    )


def _count(system: nn.Module, dead: dict[str, Tensor]) -> ParameterCount:
    quantum = {
        f"{where}.{name}"
        for where, module in system.named_modules()
        if isinstance(module, QuantumLayer)
        for name, _ in module.named_parameters()
    }
    sizes = {name: parameter.numel() for name, parameter in system.named_parameters()}
    dead_sizes = {name: int(where.sum()) for name, where in dead.items()}
    n_quantum, dead_quantum = (sum(each.get(name, 0) for name in quantum) for each in (sizes, dead_sizes))
    total, n_dead = sum(sizes.values()), sum(dead_sizes.values())
    return ParameterCount(
        total=total,
        classical=total - n_quantum,
        quantum=n_quantum,
        dead=n_dead,
        dead_classical=n_dead - dead_quantum,
        dead_quantum=dead_quantum,
    )


def _named(name: str, dead: Tensor) -> DeadParameters:
    """The dead entries of a parameter, bool (N,), told by runs of their indices."""
    places = dead.nonzero()[:, 0].tolist()
    runs = [list(run) for _, run in groupby(enumerate(places), key=lambda pair: pair[1] - pair[0])]
    told = [f"{run[0][1]}" if len(run) == 1 else f"{run[0][1]}-{run[-1][1]}" for run in runs]
    shown = ", ".join(told[:MOST_RUNS]) + (", …" if len(told) > MOST_RUNS else "")
    return DeadParameters(name, len(places), len(dead), "all" if bool(dead.all()) else shown)


def _circuits(system: System) -> list[CircuitFacts]:
    return [
        CircuitFacts(
            where=where,
            ansatz=layer.circuit.name.split(" >> ")[-1],
            n_circuits=layer.n_circuits,
            n_wires=layer.circuit.n_wires,
            n_weights=layer.circuit.n_weights,
            n_gates=len(layer.circuit.gates),
        )
        for where, layer in system.denoiser.named_modules()
        if isinstance(layer, QuantumLayer)
    ]


def _layers(system: System) -> list[LayerFacts]:
    """Codec's and denoiser's children in the order in which they run on one item at the first level, then those with
    parameters that do not, as circuits of other levels.
    """
    parts, outputs = dict(_parts(system)), dict[str, tuple[int, ...]]()

    def note(name: str, output: Any) -> None:
        first = output if isinstance(output, Tensor) else output[0]
        outputs[name] = tuple(first.shape[1:])

    hooks = [
        _end(module).register_forward_hook(lambda _, __, output, name=name: note(name, output))
        for name, module in parts.items()
    ]
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        x = system.process.prior((1, *system.codec.space.shape), generator)
        first = torch.zeros(1, dtype=torch.int64)
        system.denoiser(x, first, first if system.denoiser.n_classes else None, return_dict=False)
        if system.codec_has_weights:
            system.codec.encode(system.codec.decode(x))
    for hook in hooks:
        hook.remove()
    alike = {_kind(name, parts[name]): output for name, output in outputs.items()}
    rest = (name for name, part in parts.items() if name not in outputs and _size(part))
    shown = outputs | {name: alike.get(_kind(name, parts[name]), ()) for name in rest}
    return [LayerFacts(name, type(parts[name]).__name__, _size(parts[name]), output) for name, output in shown.items()]


def _end(module: nn.Module) -> nn.Module:
    """What gives a part's output: of a sequence its last, since a model may run its parts one by one."""
    while isinstance(module, nn.Sequential) and len(module):
        module = module[-1]
    return module


def _kind(name: str, module: nn.Module) -> Hashable:
    """What items of one list share, "steps.0" and "steps.19", where their parameters are of equal shapes."""
    before, _, last = name.rpartition(".")
    shapes = tuple(parameter.shape for parameter in module.parameters())
    return (before, type(module), shapes) if last.isdecimal() else name


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _parts(system: System) -> list[tuple[str, nn.Module]]:
    """The children of codec and denoiser; of a list of modules its items."""
    parts: list[tuple[str, nn.Module]] = []
    for prefix, part in (("", system.denoiser), ("codec.", system.codec)):
        for name, child in part.named_children():
            if isinstance(child, nn.ModuleList):
                parts += [(f"{prefix}{name}.{index}", item) for index, item in child.named_children()]
            else:
                parts.append((f"{prefix}{name}", child))
    return parts
