r"""PennyLane tapes and QNodes as circuits.

How a QNode's angles depend on its arguments shows only when it runs. It runs here with the free numbers p as float64
torch tensors, and autograd says on which of them each angle depends. An angle must be affine in one of them,

.. math:: \theta(p) = \theta(0) + s\,p_k, \qquad s = \partial\theta / \partial p_k

so the offset is the angle at p = 0, exactly, and the scale its derivative there. Two more runs, with positive and with
negative numbers, check that the angles are affine indeed and that the gates do not depend on the numbers.
"""

import inspect
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits.circuit import Angle, Circuit, constant, input, weight
from qdiffusion.circuits.composite import Piece, Pieces, without_phases
from qdiffusion.errors import UsageError
from qdiffusion.interop.operators import OperatorReader

TOLERANCE = 1e-9
"""How far an angle of order 1 may be from affine: rounding, and nothing more."""

_NOT_ANGLES = {"QubitUnitary", "DiagonalQubitUnitary", "StatePrep", "AmplitudeEmbedding", "BasisState"}
"""Their parameters are matrices and states: constants, as a channel's are."""


@dataclass(frozen=True)
class _Program:
    """A tape as a function `run` of free numbers, each standing for one of the angles `free`."""

    run: Callable[[Tensor], Any]
    free: tuple[Angle, ...]
    wires: tuple[Any, ...]
    name: str


def from_pennylane(
    source: Any,
    *args: Any,
    inputs: str | Collection[str] | Collection[int] | None = None,
    constants: str | Collection[str] = (),
    wire_order: Sequence[Any] | None = None,
) -> Circuit:
    """The circuit that a PennyLane QNode or tape applies to |0…0⟩.

    Of a QNode every floating point number in the arguments given is free: an input where the argument is named in
    `inputs`, what it is where it is named in `constants` (as are integers, booleans and strings), else a weight.
    Weights are numbered through the arguments in the order of the signature, arrays row by row, so that a
    `QuantumLayer`'s weights are the weight arguments flattened and joined; inputs likewise.

    Of a tape every number of its `trainable_params` is free, in the tape's order, arrays row by row: a weight, or an
    input where the parameter's place among all parameters is in `inputs`.

    Templates, powers and products are decomposed, controls and adjoints kept exact. Channels of constant strength are
    kept: by name where both mean the same, else by their operators. Measurements are left out (choose
    an observable); a phase of the whole state is dropped where no control sees it.

    Args:
        source: a QNode or a `QuantumScript`.
        args: example arguments of the QNode, of the right shapes; their floating point values do not matter.
        inputs: names of the QNode's arguments ("inputs" where there is one by default, as in PennyLane's
            `TorchLayer`), or places of the tape's parameters (none by default).
        constants: names of the QNode's arguments that keep their value.
        wire_order: PennyLane's labels of wires 0, 1, …; by default those of the QNode's device, or `tape.wires`.

    Raises:
        UsageError: PennyLane is missing; an argument is a ragged list; an operation is no gate (a measurement within
            the circuit); a channel's strength is free; an angle is not affine in one free number; the gates depend on
            the free numbers; a name is unknown.
    """
    try:
        import pennylane as qml
    except ImportError:
        raise UsageError("from_pennylane needs PennyLane, which is not installed; run pip install pennylane.") from None
    inputs = (inputs,) if isinstance(inputs, str) else inputs
    constants = (constants,) if isinstance(constants, str) else constants
    if isinstance(source, qml.QNode):
        program = _of_qnode(source, args, inputs, constants)
    elif isinstance(source, qml.tape.QuantumScript) and not args and not constants:
        program = _of_tape(source, inputs or ())
    else:
        raise UsageError(
            f"from_pennylane got {type(source).__name__} with {len(args)} arguments; it takes a QNode and its "
            "arguments, or a tape alone."
        )
    return _compile(program, wire_order)


def _of_qnode(node: Any, args: Sequence[Any], inputs: Collection[Any] | None, constants: Collection[str]) -> _Program:
    import pennylane as qml

    name = getattr(node.func, "__name__", "qnode")
    try:
        bound = inspect.signature(node.func).bind(*args)
    except TypeError as error:
        raise UsageError(f"QNode {name} cannot be called with these arguments: {error}; give one of each.") from None
    if unknown := sorted({*(inputs or ()), *constants}.difference(bound.arguments), key=str):
        raise UsageError(f"QNode {name} got no argument {unknown[0]!r}; it got {', '.join(bound.arguments)}.")
    read = {"inputs"} if inputs is None else set(inputs)
    fixed = {key: _detached(value) for key, value in bound.arguments.items()}
    candidates = {key: _shape(key, value) for key, value in fixed.items() if key not in constants}
    shapes = {key: shape for key, shape in candidates.items() if shape is not None}

    def run(values: Tensor) -> Any:
        parts = values.split([int(np.prod(shape)) for shape in shapes.values()])
        free = {key: part.reshape(shape) for (key, shape), part in zip(shapes.items(), parts, strict=True)}
        bound.arguments.update({**fixed, **free})
        return qml.workflow.construct_tape(node, level="user")(*bound.args, **bound.kwargs)

    flags = [key in read for key, shape in shapes.items() for _ in range(int(np.prod(shape)))]
    return _Program(run, _number(flags), tuple(node.device.wires or ()), name)


def _of_tape(tape: Any, inputs: Collection[Any]) -> _Program:
    from pennylane.operation import Channel

    parameters = tape.get_parameters(trainable_only=False)
    shapes = {}
    for place, (info, value) in enumerate(zip(tape.par_info, parameters, strict=True)):
        is_gate = info["op_idx"] < len(tape.operations) and not isinstance(info["op"], Channel)
        is_angle = is_gate and info["op"].name not in _NOT_ANGLES
        if is_angle and (place in tape.trainable_params or place in inputs):
            shapes[place] = tuple(np.shape(_detached(value)))
    if unknown := sorted(set(inputs).difference(shapes), key=str):
        raise UsageError(f"The tape has no angle at place {unknown[0]!r} to be an input; there are {list(shapes)}.")

    def run(values: Tensor) -> Any:
        parts = values.split([int(np.prod(shape)) for shape in shapes.values()])
        new = [part.reshape(shape) for part, shape in zip(parts, shapes.values(), strict=True)]
        return tape.bind_new_parameters(new, list(shapes))

    flags = [place in inputs for place, shape in shapes.items() for _ in range(int(np.prod(shape)))]
    return _Program(run, _number(flags), tuple(tape.wires), "tape")


def _compile(program: _Program, wire_order: Sequence[Any] | None) -> Circuit:
    free = torch.zeros(len(program.free), dtype=torch.float64, requires_grad=True)
    tape = _run(program, free)
    wires = tuple(program.wires or tape.wires if wire_order is None else wire_order)
    if missing := [label for label in tape.wires if label not in wires]:
        raise UsageError(f"The circuit's wires {missing} are not in wire_order {list(wires)}; name all of them.")
    number = {label: index for index, label in enumerate(wires)}
    reader = OperatorReader(number)
    pieces = reader.read_all(tape.operations)
    angles = [_angle(value, free, program.free) for value in reader.values]
    _check(program, number, pieces, angles)
    gates = without_phases(_filled(piece, angles) for piece in pieces)
    n_inputs = sum(angle.source == "input" for angle in program.free)
    return Circuit(len(wires), gates, len(program.free) - n_inputs, n_inputs, program.name)


def _angle(value: Tensor, free: Tensor, meanings: Sequence[Angle]) -> Angle:
    """θ(0) + ∂θ/∂p_k · the angle that p_k stands for."""
    offset = value.item()
    slope = torch.autograd.grad(value, free, retain_graph=True, allow_unused=True)[0] if value.requires_grad else None
    read = [] if slope is None else slope.nonzero().flatten().tolist()
    if len(read) > 1:
        raise UsageError(
            f"An angle depends on {' and '.join(str(meanings[k]) for k in read)}; a gate reads one weight or input, "
            "split the rotation."
        )
    if slope is None or not read:
        return constant(offset)
    return meanings[read[0]] * slope[read[0]].item() + offset


def _check(program: _Program, wires: dict[Any, int], pieces: Pieces, angles: Sequence[Angle]) -> None:
    generator = torch.Generator().manual_seed(0)
    place = {(angle.source, angle.index): index for index, angle in enumerate(program.free)}
    for sign in (1, -1):
        free = sign * (0.1 + torch.rand(len(program.free), generator=generator, dtype=torch.float64))
        reader = OperatorReader(wires)
        if reader.read_all(_run(program, free).operations) != pieces:
            raise UsageError("The circuit's gates depend on the values of its arguments; name those in `constants`.")
        for angle, value in zip(angles, reader.values, strict=True):
            index = place.get((angle.source, angle.index))
            expected = angle.offset + (0.0 if index is None else angle.scale * free[index].item())
            if not abs(value.item() - expected) < TOLERANCE * (1 + abs(expected)):
                raise UsageError(
                    f"An angle is not affine in {angle}: it is {value.item():.6g} where a + b·p gives {expected:.6g}; "
                    "compute it before the circuit and pass it as an argument."
                )


def _run(program: _Program, free: Tensor) -> Any:
    try:
        return program.run(free)
    except (TypeError, RuntimeError) as error:
        raise UsageError(
            f"The circuit does not run on torch tensors ({error}); write it with torch or qml.math, angles affine in "
            "the arguments."
        ) from error


def _filled(piece: Piece, angles: Sequence[Angle]) -> Piece:
    """The piece with `weight(k)` replaced by `angles[k]`."""
    angle = piece.angle
    if angle is None or angle.source == "constant":
        return piece
    return replace(piece, angle=angles[angle.index] * angle.scale + angle.offset)


def _number(are_inputs: Sequence[bool]) -> tuple[Angle, ...]:
    counts = {True: 0, False: 0}
    angles = []
    for is_input in are_inputs:
        angles.append((input if is_input else weight)(counts[is_input]))
        counts[is_input] += 1
    return tuple(angles)


def _detached(value: Any) -> Any:
    return value.detach() if isinstance(value, Tensor) else value


def _shape(name: str, value: Any) -> tuple[int, ...] | None:
    """The shape of a floating point number or array, None of anything else."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError):
        raise UsageError(
            f"Argument {name!r} is neither a number nor an array; give one array, or name it in `constants`."
        ) from None
    return array.shape if array.dtype.kind == "f" else None
