"""Circuits from elsewhere: PennyLane and OpenQASM."""

from qdiffusion.interop.pennylane import from_pennylane
from qdiffusion.interop.qasm import from_qasm3, to_qasm3

__all__ = ["from_pennylane", "from_qasm3", "to_qasm3"]
