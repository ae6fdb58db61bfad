"""QVU-Net and QuanvU-Net (De Falco et al. 2024, sections 3.1 and 3.2): U-Nets that convolve with quantum circuits.

At the vertex three channels at a time go through a 12-qubit circuit, a qubit for each pixel of a 2×2 patch; the rest
keep their convolution. With every channel in circuits, what does not fill a 12-qubit circuit goes through 4-qubit ones.
The QuanvU-Net slides such circuits over the feature maps of further levels, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from qdiffusion.circuits.ansatze import Direction
from qdiffusion.errors import UsageError
from qdiffusion.models.blocks import ResBlock
from qdiffusion.models.controls import NO_CIRCUITS
from qdiffusion.models.patches import SIDE
from qdiffusion.models.unet import Place, UNetwork
from qdiffusion.models.variants import Deviations
from qdiffusion.models.vertex import AnsatzRequest, Circuits, Layout, QResBlock, SecondReads, layout, vertex_circuit


@dataclass(frozen=True)
class Quanvolution:
    """Circuits that slide over the feature maps of some levels: QuanResNet blocks.

    Attributes:
        encoder, decoder: the levels, 0 the images' own size.
        circuits: in each of a block's two maps.
        channels: of each circuit, 4 qubits each.
        stride: pixels from one patch to the next.
    """

    encoder: Sequence[int]
    decoder: Sequence[int]
    circuits: int
    channels: int
    stride: int

    def check(self, levels: int) -> None:
        """Raise UsageError for a level that there is none of, and numbers below 1."""
        unknown = [level for level in (*self.encoder, *self.decoder) if not 0 <= level < levels]
        if unknown:
            raise UsageError(f"Circuits were asked for at level {unknown[0]}; the U-Net has levels 0 to {levels - 1}.")
        if min(self.circuits, self.channels, self.stride) < 1:
            raise UsageError(
                f"A quanvolution got {self.circuits} circuits of {self.channels} channels and stride {self.stride};"
                " give at least 1 of each."
            )

    @property
    def is_empty(self) -> bool:
        """Whether no level has any."""
        return not (self.encoder or self.decoder)

    def holds(self, place: Place) -> bool:
        """Whether the blocks of that place slide circuits."""
        return place.level in {"encoder": self.encoder, "vertex": (), "decoder": self.decoder}[place.part]

    def layout(self, place: Place, width: int) -> Layout:
        """The layout of a block whose narrower map has `width` channels.

        Raises:
            UsageError: there are more circuits than channels, or the patches do not reach the last pixels.
        """
        where = f"Level {place.level} of the {place.part}"
        # A level of the decoder takes a skip's channels in, which only its convolution can turn into those it gives.
        most = (width - (place.part == "decoder")) // self.channels
        if self.circuits > most:
            raise UsageError(
                f"{where} got {self.circuits} circuits of {self.channels} channels each, and has {width} channels;"
                f" give at most {most}."
            )
        if place.side < SIDE or (place.side - SIDE) % self.stride:
            raise UsageError(
                f"{where} is {place.side}×{place.side} pixels, of which patches of {SIDE} with stride {self.stride}"
                " leave out the last; use stride 1, another level, or images of another size."
            )
        return Layout(self.channels, self.circuits, has_conv=True)


class QVUNetwork(UNetwork):
    """The U-Net with quantum circuits in both residual blocks of its vertex, and sliding over further levels.

    The layers of `QVUNet` and `QuanvUNet`, in torch alone.

    Circuit angles start uniform in [0, 2π), but see `vertex`, all weights as torch's global generator draws them.

    Args:
        sample_size, in_channels, dim, multipliers, heads, head_dim, groups, variant: as for `UNetwork`; the side of the
            vertex must be even.
        circuits: 12-qubit circuits in each of the four maps (two blocks of two), 0 for the classical vertex, or "full":
            as many as fit, and a 4-qubit circuit for every channel that is left; or "joint": one HQConv circuit over
            all channels, four qubits each.
        ansatz: "hqconv", "fqconv" or another of `vertex.ANSAETZE`.
        n_layers: repetitions of the ansatz.
        direction: "program" or "formula", see `circuits.hqconv`.
        control: what stands for the circuits, see `controls.make_bank`.
        n_classes: as for `UNetwork`.
        encoder_levels, decoder_levels: levels whose residual blocks slide circuits, 0 the images' own size; De Falco et
            al. 2024 have the encoder's second, of 14×14 pixels.
        level_circuits: circuits in each map of these blocks.
        level_channels: channels of each of these circuits.
        stride: pixels from one of their patches to the next.

    Raises:
        UsageError: the sizes do not fit each other, there are more circuits than channels for them, no such level, or
            patches that leave pixels out; or no circuits at all where a control was asked for.
    """

    def __init__(
        self,
        sample_size: int,
        in_channels: int,
        dim: int,
        multipliers: Sequence[int],
        heads: int,
        head_dim: int,
        groups: int,
        variant: str,
        circuits: int | str,
        ansatz: str,
        n_layers: int,
        direction: Direction,
        control: str,
        n_classes: int = 0,
        encoder_levels: Sequence[int] = (),
        decoder_levels: Sequence[int] = (),
        level_circuits: int = 1,
        level_channels: int = 3,
        stride: int = SIDE,
    ) -> None:
        deviations = Deviations.parse(variant)
        quanvolution = Quanvolution(encoder_levels, decoder_levels, level_circuits, level_channels, stride)

        def make_block(place: Place, in_channels: int, out_channels: int) -> ResBlock:
            if place.part == "vertex" and circuits != 0:
                split = layout(circuits, out_channels)
                reads: SecondReads = "first" if deviations.second_pass_discarded and split.has_conv else "hidden"
                steps = SIDE
            elif quanvolution.holds(place):
                split = quanvolution.layout(place, out_channels)
                reads = "input" if deviations.second_pass_reads_input else "hidden"
                steps = stride
            else:
                return ResBlock(in_channels, out_channels, place.time_dim, groups)
            circuit = vertex_circuit(ansatz, AnsatzRequest(split.channels, n_layers, direction, deviations))
            made = Circuits(circuit, split, deviations, control, steps, reads)
            return QResBlock(in_channels, out_channels, place.time_dim, groups, made)

        quanvolution.check(len(multipliers))
        if control != "none" and circuits == 0 and quanvolution.is_empty:
            raise UsageError(NO_CIRCUITS.format(control))
        sizes = (sample_size, in_channels, dim, multipliers, heads, head_dim, groups, variant)
        super().__init__(*sizes, make_block, vertex_multiple=SIDE if circuits != 0 else 1, n_classes=n_classes)
