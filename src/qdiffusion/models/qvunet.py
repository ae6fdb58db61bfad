"""QVU-Net (De Falco et al. 2024, section 3.1): the U-Net whose vertex convolves with quantum circuits.

Of the vertex's channels three at a time go through a 12-qubit circuit, a qubit for each pixel of a 2×2 patch; the rest
keep their convolution. With every channel in circuits, what does not fill a 12-qubit circuit goes through 4-qubit ones.
"""

from collections.abc import Sequence

from qdiffusion.circuits.ansatze import Direction
from qdiffusion.models.unet import UNetwork
from qdiffusion.models.variants import Deviations
from qdiffusion.models.vertex import AnsatzRequest, QResBlock, layout, vertex_circuit


class QVUNetwork(UNetwork):
    """The U-Net with quantum circuits in both residual blocks of its vertex: the layers of `QVUNet`, in torch alone.

    Circuit angles start uniform in [0, 2π), but see `vertex`, all weights as torch's global generator draws them.

    Args:
        sample_size, in_channels, dim, multipliers, heads, head_dim, groups, variant: as for `UNetwork`; the side of the
            vertex must be even.
        circuits: 12-qubit circuits in each of the four maps (two blocks of two), or "full": as many as fit, and a
            4-qubit circuit for every channel that is left; or "joint": one HQConv circuit over all channels, four
            qubits each.
        ansatz: "hqconv", "fqconv" or another of `vertex.ANSAETZE`.
        n_layers: repetitions of the ansatz.
        direction: "program" or "formula", see `circuits.hqconv`.
        n_classes: as for `UNetwork`.

    Raises:
        UsageError: the sizes do not fit each other, or there are more circuits than channels for them.
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
        n_classes: int = 0,
    ) -> None:
        deviations = Deviations.parse(variant)

        def make_vertex_block(width: int, time_dim: int) -> QResBlock:
            split = layout(circuits, width)
            circuit = vertex_circuit(ansatz, AnsatzRequest(split.channels, n_layers, direction, deviations))
            return QResBlock(width, time_dim, groups, circuit, split, deviations)

        sizes = (sample_size, in_channels, dim, multipliers, heads, head_dim, groups, variant)
        super().__init__(*sizes, make_vertex_block, vertex_multiple=2, n_classes=n_classes)
