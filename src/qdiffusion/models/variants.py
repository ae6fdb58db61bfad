"""Where the released programs depart from the paper they belong to, one switch each."""

from dataclasses import dataclass, fields
from typing import TypeVar

from qdiffusion.errors import UsageError

Some = TypeVar("Some", bound="Switches")


@dataclass(frozen=True)
class Switches:
    """Differences between a paper and its public code, each a field that is False for the paper."""

    @classmethod
    def parse(cls: type[Some], variant: str) -> Some:
        """The deviations named by "paper", "released", or field names separated by commas.

        Raises:
            UsageError: a name is none of these.
        """
        known = [field.name for field in fields(cls)]
        corners = {"paper": [], "released": known}
        if variant in corners:
            return cls(**dict.fromkeys(corners[variant], True))
        names = [name.strip() for name in variant.split(",")]
        unknown = [name for name in names if name not in known]
        if unknown:
            raise UsageError(
                f"There is no variant {unknown[0]!r}; give paper, released, or some of {', '.join(known)}"
                " separated by commas."
            )
        return cls(**dict.fromkeys(names, True))


@dataclass(frozen=True)
class Deviations(Switches):
    """The differences between De Falco et al. 2024 and its public code; all off is the paper."""

    block_a_skipped: bool = False
    """HQConv: block A is never applied; 24 of the 28 angles of each layer are dead, nine of twelve wires idle."""
    second_pass_discarded: bool = False
    """QResNet block with a convolution: the second circuits' outputs are dropped and the first circuits' used again."""
    pixel_major_wires: bool = False
    """Wire = 3 · pixel + channel instead of 4 · channel + pixel, so that the ansatz mixes up the channels."""
    basic_circuit_shared: bool = False
    """Full vertex: the second pass runs the first's 4-qubit circuit, and its own angles are dead."""
    basic_circuit_in_radians: bool = False
    """Full vertex: the 4-qubit circuits' angles start in U(0, 1) instead of U(0, 2π)."""
    second_pass_reads_input: bool = False
    """QuanResNet block: the second circuits are given the block's input instead of the hidden features."""
    attention_over_positions: bool = False
    """Vertex attention: q and k have unit length over the positions instead of over the features."""


@dataclass(frozen=True)
class CapeceDeviations(Switches):
    """The differences between Capece 2025 and its public code; all off is the text."""

    circuits_before_convs: bool = False
    """What the circuits give takes the place of their channels before the block, so that its convolution sees all
    channels; in the text the circuits stand instead of a part of the convolution."""
    alternating_fqconv: bool = False
    """FQConv: CRZ and CRX take turns along the pixels, instead of all CRZ before all CRX."""
    wide_angles: bool = False
    """Angles start in N(0, π²) instead of U(0, 2π)."""
    idle_circuit: bool = False
    """The classical network holds an FQConv circuit that nothing goes through: 24 of its 6,884,297 parameters."""


@dataclass(frozen=True)
class QAMPDeviations(Switches):
    """The differences between QAMP 2025 and its public program; all off is the paper."""

    real_encoder: bool = False
    """Real and imaginary parts go one behind the other through real layers, instead of through complex ones."""
    branches_summed: bool = False
    """Block 2: the amplitudes of both outcomes of the Hadamard test are summed, which gives its input back, instead of
    outcome 0 being kept."""


PAPER = Deviations.parse("paper")
RELEASED = Deviations.parse("released")
