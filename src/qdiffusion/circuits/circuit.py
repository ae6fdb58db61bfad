"""Circuits as data: a frozen list of gates on wires, whose angles are constants, weights or inputs."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, Self

from qdiffusion.circuits.gates import GATES, Entries, GateKind, controlled
from qdiffusion.circuits.superoperators import CHANNELS, KRAUS, MOST_CHANNEL_WIRES, superoperator
from qdiffusion.errors import UsageError


@dataclass(frozen=True)
class Angle:
    """An angle in radians: offset + scale · (nothing, weight[index] or input[index])."""

    source: Literal["constant", "weight", "input"]
    index: int = 0
    scale: float = 1.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        if self.index < 0:
            raise UsageError(f"Angles count from {self.source}(0), not from {self.source}({self.index}).")

    def __mul__(self, factor: float) -> Self:
        return replace(self, scale=self.scale * factor, offset=self.offset * factor)

    __rmul__ = __mul__

    def __neg__(self) -> Self:
        return self * -1.0

    def __add__(self, shift: float) -> Self:
        return replace(self, offset=self.offset + shift)

    __radd__ = __add__

    def __sub__(self, shift: float) -> Self:
        return self + -shift

    def __rsub__(self, shift: float) -> Self:
        return -self + shift

    def __str__(self) -> str:
        if self.source == "constant":
            return f"{self.offset:.4g}"
        scale = "" if self.scale == 1 else f"{self.scale:.4g}·"
        offset = f"{self.offset:+.4g}" if self.offset else ""
        return f"{scale}{self.source[0]}{self.index}{offset}"


def weight(index: int) -> Angle:
    """The trainable angle `weights[..., index]`."""
    return Angle("weight", index)


def input(index: int) -> Angle:
    """The data-dependent angle `x[..., index]`."""
    return Angle("input", index)


def constant(value: float) -> Angle:
    """A fixed angle."""
    return Angle("constant", offset=value)


@dataclass(frozen=True)
class Gate:
    """The gate `name` of `gates.GATES` on `targets`, applied where all `controls` are 1.

    The gates of `operations` (`unitary`, `diagonal`, `postselect`) bring their own `matrix`; `measure` has none. A
    channel of `channels` has a strength for an angle, or in `matrix` its operators one below the other.
    """

    name: str
    targets: tuple[int, ...]
    angle: Angle | None = None
    controls: tuple[int, ...] = ()
    matrix: Entries | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        known = self.name in GATES or self.name in CHANNELS
        if not known and self.matrix is None and not self.is_measurement:
            raise UsageError(f"Unknown gate {self.name!r}; there are {', '.join((*GATES, *CHANNELS))}.")
        for wires in (self.targets, self.controls):
            if not isinstance(wires, tuple) or not all(isinstance(wire, int) for wire in wires):
                raise UsageError(f"Gate {self.name} takes tuples of wire numbers, such as (0,), not {wires!r}.")
        if not isinstance(self.angle, Angle | None):
            raise UsageError(f"Gate {self.name} got {self.angle!r}; an angle is constant(…), weight(…) or input(…).")
        if len(self.targets) != self._n_targets:
            raise UsageError(f"Gate {self.name} acts on {self._n_targets} wire(s), not on {self.targets}.")
        if (self.angle is not None) != self._takes_angle:
            raise UsageError(f"Gate {self.name} takes {'an angle' if self._takes_angle else 'no angle'}.")
        if len(set(self.wires)) != len(self.wires):
            raise UsageError(f"Gate {self.name} names a wire twice: {self.wires}; give distinct wires.")
        if self.controls and not self.is_unitary:
            raise UsageError(f"Gate {self.name} takes no controls, not {self.controls}: it is not unitary.")
        if self.is_channel:
            self._check_channel()

    def _check_channel(self) -> None:
        if len(self.targets) > MOST_CHANNEL_WIRES:
            raise UsageError(
                f"{self.name} on {len(self.targets)} wires needs a matrix of 4^{len(self.targets)} rows; a channel "
                f"acts on at most {MOST_CHANNEL_WIRES}."
            )
        strength = self.angle
        if strength is not None and strength.source == "constant" and not 0 <= strength.offset <= 1:
            raise UsageError(f"The strength of {self.name} is a probability, 0 to 1, not {strength.offset:g}.")

    @property
    def _n_targets(self) -> int:
        if self.name == "depolarising":
            return max(1, len(self.targets))
        if self.name == KRAUS and self.matrix is not None:
            return len(self.matrix[0]).bit_length() - 1
        one = self.is_measurement or self.is_channel
        return 1 if one else self.kind.n_wires - len(self.controls)

    @property
    def _takes_angle(self) -> bool:
        if self.is_measurement or self.is_channel:
            return self.name in CHANNELS
        return self.kind.frequency is not None

    @property
    def kind(self) -> GateKind:
        """Its constants, controls included; of a channel those on rows and columns."""
        if self.is_channel:
            return superoperator(self.name, len(self.targets), self.matrix)
        return controlled(self.name, len(self.controls), self.matrix)

    @property
    def is_measurement(self) -> bool:
        return self.name == "measure"

    @property
    def is_channel(self) -> bool:
        return self.name in CHANNELS or self.name == KRAUS

    @property
    def is_unitary(self) -> bool:
        return self.name not in ("measure", "postselect") and not self.is_channel

    @property
    def wires(self) -> tuple[int, ...]:
        """Controls first, then targets: the order of the matrix's bits."""
        return self.controls + self.targets

    def __str__(self) -> str:
        angle = f"({self.angle})" if self.angle else ""
        return f"{'c' * len(self.controls)}{self.name}{angle} {', '.join(map(str, self.wires))}"


@dataclass(frozen=True)
class Circuit:
    """Gates in order of application on wires 0 … n_wires-1 (wire 0 the most significant bit), starting from |0…0⟩.

    The k wires `prepared` start in a state of their own instead: their 2^k amplitudes, the first wire given the most
    significant bit, are the circuit's first 2^k inputs. With `density` they are given by their density matrix, whose
    4^k entries, row by row, are the first inputs.

    `first >> second` applies `first`, then `second`: the weights of `second` follow those of `first`, inputs are
    shared, so that `encoding >> ansatz >> encoding >> ansatz` uploads the same data twice.
    """

    n_wires: int
    gates: tuple[Gate, ...]
    n_weights: int
    n_inputs: int
    name: str = field(default="circuit", compare=False)
    prepared: tuple[int, ...] = ()
    density: bool = False

    def __post_init__(self) -> None:
        if self.n_wires < 1:
            raise UsageError(f"A circuit needs at least 1 wire, not {self.n_wires}.")
        if len(set(self.prepared)) < len(self.prepared) or not all(0 <= w < self.n_wires for w in self.prepared):
            raise UsageError(f"Prepared wires {self.prepared} must be distinct and within 0 … {self.n_wires - 1}.")
        if self.density and not self.prepared:
            raise UsageError("A circuit that begins in a density matrix needs one or more prepared wires.")
        if self.n_inputs < self.n_amplitudes:
            raise UsageError(
                f"{len(self.prepared)} prepared wires need {self.n_amplitudes} inputs, not {self.n_inputs}."
            )
        counts = {"weight": self.n_weights, "input": self.n_inputs}
        for gate in self.gates:
            if not all(0 <= wire < self.n_wires for wire in gate.wires):
                raise UsageError(f"Gate '{gate}' leaves the circuit's wires 0 … {self.n_wires - 1}.")
            if gate.angle and gate.angle.index >= counts.get(gate.angle.source, math.inf):
                raise UsageError(f"Gate '{gate}' reads beyond the circuit's {counts} angles.")
            if gate.angle and gate.angle.source == "input" and gate.angle.index < self.n_amplitudes:
                raise UsageError(
                    f"Gate '{gate}' reads amplitude {gate.angle.index} as an angle; behind the prepared state's "
                    f"amplitudes angles begin at input({self.n_amplitudes})."
                )

    def __rshift__(self, after: "Circuit") -> "Circuit":
        if not isinstance(after, Circuit):
            return NotImplemented
        if after.n_wires != self.n_wires:
            raise UsageError(
                f"A circuit of {self.n_wires} wires cannot be followed by one of {after.n_wires}; make them equal."
            )
        if after.prepared and (self.prepared or self.gates):
            raise UsageError(f"{after.name} prepares a state and must come first, not after {self.name}.")
        shifted = tuple(_shift_weight(gate, self.n_weights) for gate in after.gates)
        return Circuit(
            self.n_wires,
            self.gates + shifted,
            self.n_weights + after.n_weights,
            max(self.n_inputs, after.n_inputs),
            f"{self.name} >> {after.name}",
            self.prepared or after.prepared,
            self.density or after.density,
        )

    def uncontrolled(self) -> "Circuit":
        """The circuit whose gates act whatever their controls say: a product of circuits of the gates' targets, with as
        many weights and inputs.
        """
        gates = tuple(replace(gate, controls=()) for gate in self.gates)
        return replace(self, gates=gates, name=f"{self.name}, uncontrolled")

    def __str__(self) -> str:
        return "\n".join([self.summary, *(f"  {gate}" for gate in self.gates)])

    @property
    def n_amplitudes(self) -> int:
        """How many of the inputs, the first, are amplitudes, or entries of a density matrix."""
        return 1 << len(self.prepared) * (2 if self.density else 1) if self.prepared else 0

    @property
    def is_mixed(self) -> bool:
        """Whether its state is a density matrix: it has a channel, or begins in one."""
        return self.density or any(gate.is_channel for gate in self.gates)

    @property
    def strengths(self) -> list[Angle]:
        """The channels' strengths that are weights or inputs, each once."""
        own = (gate.angle for gate in self.gates if gate.is_channel)
        return list(dict.fromkeys(angle for angle in own if angle is not None and angle.source != "constant"))

    @property
    def summary(self) -> str:
        counts = f"{self.n_wires} wires, {self.n_inputs} inputs, {self.n_weights} weights, {len(self.gates)} gates"
        return f"{self.name}: {counts}"


def circuit_of(n_wires: int, gates: Iterable[Gate], name: str, n_weights: int | None = None) -> Circuit:
    """A circuit whose weight and input counts are read off its gates (`n_weights` where some weights are used by
    none).
    """
    gates = tuple(gates)
    counted = {"weight": 0, "input": 0, "constant": 0}
    for gate in gates:
        if gate.angle:
            counted[gate.angle.source] = max(counted[gate.angle.source], gate.angle.index + 1)
    return Circuit(n_wires, gates, n_weights or counted["weight"], counted["input"], name)


def _shift_weight(gate: Gate, by: int) -> Gate:
    if gate.angle is None or gate.angle.source != "weight":
        return gate
    return replace(gate, angle=replace(gate.angle, index=gate.angle.index + by))
