"""Where the released programs depart from the paper they belong to, one switch each."""

from dataclasses import dataclass, fields

from qdiffusion.errors import UsageError


@dataclass(frozen=True)
class Deviations:
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
    attention_over_positions: bool = False
    """Vertex attention: q and k have unit length over the positions instead of over the features."""

    @classmethod
    def parse(cls, variant: str) -> "Deviations":
        """The deviations named by "paper", "released", or field names separated by commas.

        Raises:
            UsageError: a name is none of these.
        """
        corners = {"paper": PAPER, "released": RELEASED}
        if variant in corners:
            return corners[variant]
        names = [name.strip() for name in variant.split(",")]
        known = [field.name for field in fields(cls)]
        unknown = [name for name in names if name not in known]
        if unknown:
            raise UsageError(
                f"There is no variant {unknown[0]!r}; give paper, released, or some of {', '.join(known)}"
                " separated by commas."
            )
        return cls(**dict.fromkeys(names, True))


PAPER = Deviations()
RELEASED = Deviations(**{field.name: True for field in fields(Deviations)})
