"""What an experiment's model consists of: layers, circuits, and parameters by kind."""

from typing import Any

import torch
from torch import Tensor, nn

from qdiffusion.circuits import QuantumLayer
from qdiffusion.data import load_images
from qdiffusion.runs.description import CircuitFacts, Description, LayerFacts, ParameterCount
from qdiffusion.training.building import build_network
from qdiffusion.training.dead import dead_parameters
from qdiffusion.training.drawing import drawings
from qdiffusion.training.experiment import Experiment


def describe(experiment: Experiment, channels: int | None = None) -> Description:
    """Build the experiment's model and measure it; "dead" parameters are defined in `dead`.

    Args:
        experiment: what would be trained.
        channels: of the images; None reads the images to see.

    Raises:
        UsageError: the model does not fit the images.
        DataError: the images, whose channels decide the model's, cannot be read.
    """
    if channels is None:
        channels = load_images(experiment.data, "train").images.shape[1]
    shape = (channels, experiment.data.size, experiment.data.size)
    model = build_network(experiment, channels)
    return Description(
        name=experiment.name,
        parameters=_count(model, dead_parameters(model, shape, experiment.schedule.timesteps)),
        circuits=tuple(_circuits(model)),
        layers=tuple(_layers(model, shape)),
        drawings=drawings(model),
    )


def _count(model: nn.Module, dead: dict[str, Tensor]) -> ParameterCount:
    quantum = {f"{where}.weights" for where, module in model.named_modules() if isinstance(module, QuantumLayer)}
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    dead_sizes = {name: int(where.sum()) for name, where in dead.items()}
    n_quantum, dead_quantum = (sum(each[name] for name in quantum) for each in (sizes, dead_sizes))
    total, n_dead = sum(sizes.values()), sum(dead_sizes.values())
    return ParameterCount(
        total=total,
        classical=total - n_quantum,
        quantum=n_quantum,
        dead=n_dead,
        dead_classical=n_dead - dead_quantum,
        dead_quantum=dead_quantum,
    )


def _circuits(model: nn.Module) -> list[CircuitFacts]:
    return [
        CircuitFacts(
            where=where,
            ansatz=layer.circuit.name.split(" >> ")[-1],
            n_circuits=layer.n_circuits,
            n_wires=layer.circuit.n_wires,
            n_weights=layer.circuit.n_weights,
            n_gates=len(layer.circuit.gates),
        )
        for where, layer in model.named_modules()
        if isinstance(layer, QuantumLayer)
    ]


def _layers(model: nn.Module, shape: tuple[int, int, int]) -> list[LayerFacts]:
    """The model's parts in the order in which they run on one image."""
    layers: list[LayerFacts] = []

    def note(name: str, module: nn.Module, output: Any) -> None:
        first = output if isinstance(output, Tensor) else output[0]
        parameters = sum(parameter.numel() for parameter in module.parameters())
        layers.append(LayerFacts(name, type(module).__name__, parameters, tuple(first.shape[1:])))

    hooks = [
        module.register_forward_hook(lambda module, _, output, name=name: note(name, module, output))
        for name, module in _parts(model)
    ]
    dtype = next(model.parameters()).dtype
    with torch.no_grad():
        model(torch.zeros(1, *shape, dtype=dtype), torch.zeros(1, dtype=torch.int64), return_dict=False)
    for hook in hooks:
        hook.remove()
    return layers


def _parts(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """The model's children; of a list of modules its items."""
    parts: list[tuple[str, nn.Module]] = []
    for name, child in model.named_children():
        if isinstance(child, nn.ModuleList):
            parts += [(f"{name}.{index}", item) for index, item in child.named_children()]
        else:
            parts.append((name, child))
    return parts
