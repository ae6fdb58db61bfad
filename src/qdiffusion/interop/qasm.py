"""OpenQASM text to circuits and back.

Read: the gates of OpenQASM 3 (and 2): registers, `input` parameters, calls with modifiers, definitions of gates,
measurements at the end. No loops, no branches, no classical computation: a circuit is a list of gates.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from qdiffusion.circuits.circuit import Angle, Circuit, Gate, constant, input, weight
from qdiffusion.circuits.composite import Piece, Pieces, controlled, inverse, without_phases
from qdiffusion.circuits.gates import GATES
from qdiffusion.errors import UsageError
from qdiffusion.interop.qasm_gates import STANDARD, GateRule
from qdiffusion.interop.qasm_text import Expressions, Token, Value, tokens_of

Operand = int | list[int]

_LIBRARIES = ('"stdgates.inc"', '"qelib1.inc"')
_PAIRS = {
    "rxx": "gate rxx(t) a, b { h a; h b; cx a, b; rz(t) b; cx a, b; h a; h b; }",
    "ryy": "gate ryy(t) a, b { rx(pi/2) a; rx(pi/2) b; cx a, b; rz(t) b; cx a, b; rx(-pi/2) a; rx(-pi/2) b; }",
    "rzz": "gate rzz(t) a, b { cx a, b; rz(t) b; cx a, b; }",
}
"""Own gates that stdgates.inc lacks. Read back word for word they are these gates, not their parts."""


def from_qasm3(text: str, inputs: str | Collection[str] = ()) -> Circuit:
    """The circuit that an OpenQASM 3 (or 2) text applies to |0…0⟩.

    Wires are numbered through the registers in the order of declaration: q[0] is wire 0, the most significant bit.
    Every `input float` or `input angle` parameter is a weight, or an input of the circuit where its name matches one
    of `inputs` ("x", or a pattern: "x*"), numbered in the order of declaration; `input array[float, n]` has n. Angles
    are affine in one parameter. Measurements at the end and barriers are left out, phases of the whole state dropped
    where no control sees them. U(θ, φ, λ) has a real upper left entry, as Qiskit's.

    Raises:
        UsageError: with the number of the line: a statement is no gate, an angle is not affine in one parameter, a
            name is unknown, a gate follows a measurement; and where `inputs` names no parameter.
    """
    inputs = (inputs,) if isinstance(inputs, str) else inputs
    program = _Program(tokens_of(text), inputs)
    program.run()
    if unused := [pattern for pattern in inputs if not any(fnmatchcase(name, pattern) for name in program.parameters)]:
        raise UsageError(f"The OpenQASM text declares no `input` parameter {unused[0]!r}; take it out of `inputs`.")
    if not program.n_wires:
        raise UsageError("The OpenQASM text declares no qubits; add `qubit[n] q;`.")
    gates = without_phases(program.pieces)
    return Circuit(program.n_wires, gates, program.counts["weight"], program.counts["input"], "qasm")


def to_qasm3(circuit: Circuit) -> str:
    """OpenQASM 3 text of a circuit: weights are the parameters w0, w1, …, inputs x0, x1, …

    `from_qasm3(to_qasm3(circuit), inputs=["x*"])` equals the circuit (without "x*" where it has no inputs). The text
    uses only stdgates.inc and modifiers.

    Raises:
        UsageError: the circuit prepares a state, measures, post-selects, or has a channel or a gate given by its
            matrix.
    """
    foreign = next((gate for gate in circuit.gates if gate.name not in GATES), None)
    if circuit.prepared or foreign:
        what = f"the gate '{foreign}'" if foreign else "the preparation of a state"
        raise UsageError(f"OpenQASM text cannot say {what} of {circuit.name}; export the named gates alone.")
    used = {gate.name for gate in circuit.gates}
    parameters = [f"w{index}" for index in range(circuit.n_weights)] + [
        f"x{index}" for index in range(circuit.n_inputs)
    ]
    lines = [
        "OPENQASM 3.0;",
        'include "stdgates.inc";',
        *(text for name, text in _PAIRS.items() if name in used),
        *(f"input float[64] {name};" for name in parameters),
        f"qubit[{circuit.n_wires}] q;",
        *map(_call_text, circuit.gates),
    ]
    return "\n".join(lines) + "\n"


def _call_text(gate: Gate) -> str:
    control = {0: "", 1: "ctrl @ "}.get(len(gate.controls), f"ctrl({len(gate.controls)}) @ ")
    angle = f"({_angle_text(gate.angle)})" if gate.angle else ""
    return f"{control}{gate.name}{angle} {', '.join(f'q[{wire}]' for wire in gate.wires)};"


def _angle_text(angle: Angle) -> str:
    if angle.source == "constant":
        return repr(angle.offset)
    scale = "" if angle.scale == 1 else f"{angle.scale!r}*"
    offset = f" + {angle.offset!r}" if angle.offset else ""
    return f"{scale}{'w' if angle.source == 'weight' else 'x'}{angle.index}{offset}"


class _Calls(Expressions):
    """Gate calls: in the program, or in the body of a definition."""

    def __init__(
        self,
        tokens: list[Token],
        symbols: Mapping[str, Value | list[Angle]],
        gates: Mapping[str, GateRule],
        qubits: Mapping[str, Operand],
    ) -> None:
        super().__init__(tokens, symbols)
        self.gates = dict(gates)
        self.qubits = dict(qubits)

    def call(self) -> Pieces:
        """[modifiers @] name[(angles)] operands;"""
        modifiers = list(self._modifiers())
        name = self.take("name")
        rule = self.gates.get(name.text)
        if rule is None:
            self.fail(f"{name.text!r} is neither a gate nor a statement that circuits have.", name)
        angles = [angle if isinstance(angle, Angle) else constant(angle) for angle in self._arguments()]
        operands = [] if self.next.text == ";" else self._list(self.operand)
        self.expect(";")
        n_controls = sum(count for _, count in modifiers)
        if rule.n_wires + n_controls == 0:
            operands = []  # PennyLane writes `gphase(γ) q[0];`: on which qubits makes no difference
        wanted = (rule.n_angles, n_controls + rule.n_wires)
        if (len(angles), len(operands)) != wanted:
            self.fail(f"{name.text} takes {wanted[0]} angles and {wanted[1]} qubits, controls among them.", name)
        pieces: list[Piece] = []
        for wires in self._broadcast(operands, name):
            pieces += _modified(rule.make(angles, wires[n_controls:]), modifiers, wires[:n_controls])
        return tuple(pieces)

    def body(self) -> Pieces:
        """Calls up to the end."""
        pieces: list[Piece] = []
        while self.next.kind != "end":
            pieces += () if self.next.text == "barrier" and self.skip_past(";") else self.call()
        return tuple(pieces)

    def operand(self) -> Operand:
        """A qubit's wire, or a register's wires."""
        token = self.take("name")
        register = self.qubits.get(token.text)
        if register is None:
            self.fail(f"there is no qubit {token.text!r}.", token)
        if not self.accept("["):
            return register
        index = self.whole()
        self.expect("]")
        if isinstance(register, int) or not -len(register) <= index < len(register):
            self.fail(f"{token.text} has no qubit {index}.", token)
        return register[index]

    def _modifiers(self) -> Iterator[tuple[str, int]]:
        while self.next.text in ("ctrl", "negctrl", "inv"):
            word, count = self.take().text, 1
            if word == "inv":
                count = 0
            elif self.accept("("):
                count = self.whole()
                self.expect(")")
            self.expect("@")
            yield word, count

    def _arguments(self) -> list[Value]:
        if not self.accept("(") or self.accept(")"):
            return []
        values = self._list(self.expression)
        self.expect(")")
        return values

    def _broadcast(self, operands: Sequence[Operand], name: Token) -> list[tuple[int, ...]]:
        lengths = {len(operand) for operand in operands if isinstance(operand, list)}
        if len(lengths) > 1:
            self.fail(f"{name.text} got registers of lengths {sorted(lengths)}; make them equal.", name)
        rows = [
            tuple(operand[index] if isinstance(operand, list) else operand for operand in operands)
            for index in range(lengths.pop() if lengths else 1)
        ]
        if any(len(set(row)) < len(row) for row in rows):
            self.fail(f"{name.text} got a qubit twice; give distinct qubits.", name)
        return rows


class _Program(_Calls):
    """A whole text: declarations, definitions, calls, measurements."""

    def __init__(self, tokens: list[Token], inputs: Collection[str]) -> None:
        super().__init__(tokens, {}, STANDARD, {})
        self.inputs = inputs
        self.parameters: list[str] = []
        self.counts = {"weight": 0, "input": 0}
        self.n_wires = 0
        self.pieces: list[Piece] = []
        self._measured: set[int] = set()
        self._statements = {
            "OPENQASM": self._version,
            "include": self._include,
            "qubit": self._qubit,
            "qreg": self._qreg,
            "bit": self._bit,
            "creg": self._creg,
            "input": self._input,
            "gate": self._gate,
            "measure": self._measure,
            "barrier": lambda: self.skip_past(";"),
        }

    def run(self) -> None:
        """Reads to the end of the text."""
        while self.next.kind != "end":
            token = self.next
            if statement := self._statements.get(token.text):
                self.take()
                statement()
                continue
            pieces = self.call()
            if any(isinstance(piece, Gate) and self._measured & set(piece.wires) for piece in pieces):
                self.fail("a gate follows the measurement of its qubit; circuits measure at the end.", token)
            self.pieces += pieces

    def _version(self) -> None:
        token = self.take("number")
        if float(token.text) not in (2, 3, 3.1):
            self.fail(f"OpenQASM {token.text} is not known; there are 2.0 and 3.", token)
        self.expect(";")

    def _include(self) -> None:
        token = self.take("string")
        if token.text not in _LIBRARIES:
            self.fail(f"{token.text} cannot be included; paste its gates, or use {' or '.join(_LIBRARIES)}.", token)
        self.expect(";")

    def _qubit(self) -> None:
        size = self._size()
        self._register(self.take("name"), size)

    def _qreg(self) -> None:
        name = self.take("name")
        self._register(name, self._size())

    def _register(self, name: Token, size: int | None) -> None:
        self._new(name)
        self.expect(";")
        wires = list(range(self.n_wires, self.n_wires + (size or 1)))
        self.qubits[name.text] = wires[0] if size is None else wires
        self.n_wires += len(wires)

    def _bit(self) -> None:
        self._size()
        name = self.take("name")
        if self.next.text == "=":
            self._assign()
        else:
            self.expect(";")
        self._statements[name.text] = self._assign

    def _creg(self) -> None:
        name = self.take("name")
        self._size()
        self.expect(";")
        self._statements[name.text] = self._assign

    def _assign(self) -> None:
        if self.next.text == "[":
            self.skip_past("]")
        self.expect("=")
        self.expect("measure")
        self._measure()

    def _measure(self) -> None:
        measured = self.operand()
        self._measured.update([measured] if isinstance(measured, int) else measured)
        if self.accept("->"):
            self.skip_past(";")
        else:
            self.expect(";")

    def _input(self) -> None:
        size = None
        if self.accept("array"):
            self.expect("[")
            self._number_type()
            self.expect(",")
            size = self.whole()
            self.expect("]")
        else:
            self._number_type()
        token = self.take("name")
        self._new(token)
        self.expect(";")
        name = token.text
        self.parameters.append(name)
        parameters = [self._parameter(name) for _ in range(1 if size is None else size)]
        self.symbols[name] = parameters[0] if size is None else parameters

    def _new(self, name: Token) -> None:
        if name.text in self.qubits or name.text in self.symbols:
            self.fail(f"{name.text!r} is declared twice; give it another name.", name)

    def _parameter(self, name: str) -> Angle:
        kind = "input" if any(fnmatchcase(name, pattern) for pattern in self.inputs) else "weight"
        self.counts[kind] += 1
        return {"input": input, "weight": weight}[kind](self.counts[kind] - 1)

    def _number_type(self) -> None:
        token = self.take("name")
        if token.text not in ("float", "angle"):
            self.fail(f"an input of type {token.text} cannot be an angle; use float or angle.", token)
        self._size()

    def _size(self) -> int | None:
        """[n], where it stands."""
        if not self.accept("["):
            return None
        token, size = self.next, self.whole()
        if size < 1:
            self.fail(f"a size is at least 1, not {size}.", token)
        self.expect("]")
        return size

    def _gate(self) -> None:
        start = self.at - 1
        name = self.take("name").text
        angles: list[str] = []
        if self.accept("(") and not self.accept(")"):
            angles = self._list(self._name)
            self.expect(")")
        qubits = self._list(self._name)
        self.expect("{")
        body = [*self.skip_past("}")[:-1], Token("end", "", self.next.line)]
        is_ours = name in _PAIRS and self.tokens[start : self.at] == tokens_of(_PAIRS[name])[:-1]
        if not (is_ours and all(self.gates[standard] is rule for standard, rule in STANDARD.items())):
            self.gates[name] = _defined(angles, qubits, body, dict(self.gates))

    def _name(self) -> str:
        return self.take("name").text


def _defined(angles: list[str], qubits: list[str], body: list[Token], known: Mapping[str, GateRule]) -> GateRule:
    """A gate inlined at each call; its body sees the gates defined before it, its own angles and qubits."""

    def make(values: Sequence[Angle], wires: tuple[int, ...]) -> Pieces:
        symbols = dict(zip(angles, values, strict=True))
        return _Calls(body, symbols, known, dict(zip(qubits, wires, strict=True))).body()

    return GateRule(len(angles), len(qubits), make)


def _modified(pieces: Sequence[Piece], modifiers: Sequence[tuple[str, int]], controls: tuple[int, ...]) -> Pieces:
    """Modifiers from the innermost out; the outermost takes the first controls."""
    for word, count in reversed(modifiers):
        if word == "inv":
            pieces = inverse(pieces)
            continue
        own, controls = controls[len(controls) - count :], controls[: len(controls) - count]
        pieces = controlled(pieces, own, [word == "ctrl"] * count)
    return tuple(pieces)
