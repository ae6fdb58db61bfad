"""A program as it is put together: each step once, kept by itself, and numbered where it first stands."""

from collections.abc import Sequence

from qdiffusion.circuits.trees.program.contractions import Absorb, Flip, Slice, Step
from qdiffusion.circuits.trees.program.program import Program
from qdiffusion.circuits.trees.program.requests import Around, Letters
from qdiffusion.circuits.trees.program.tape import Slot
from qdiffusion.circuits.trees.program.unfolding import Unfolding
from qdiffusion.circuits.trees.shape.layout import Layout


class Assembly:
    """The steps so far, and the kets that they are asked for; a cluster's number is that of its state.

    Attributes:
        slots: where each message stands, by its number in `Requests`.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.slots: dict[int, Slot] = {}
        self._numbers: dict[Step, int] = {}
        self._results: list[int] = []

    def add(self, step: Step) -> int:
        """The number of what the step gives."""
        return self._numbers.setdefault(step, len(self.layout.axes) + len(self._numbers))

    def add_result(self, step: Step) -> None:
        """A step whose values stand in the program's result, behind those of the results before."""
        self._results.append(self.add(step))

    def program(self) -> Program:
        return Program(tuple(self._numbers), tuple(self._results))

    def ket(self, cluster: int, around: Around, letters: Letters = ()) -> int:
        """A cluster's state with messages absorbed, then Paulis applied."""
        ket = self._absorbed(cluster, cluster, around)
        placed = tuple((self.layout.axis(cluster, wire=wire), letter) for wire, letter in letters)
        return self.add(Flip(ket, self.layout.sizes(cluster), placed)) if placed else ket

    def slice(self, cluster: int, ket: int, axis: int, bit: int) -> int:
        """Those amplitudes of a cluster's ket whose wire, at `axis`, has the value `bit`."""
        return self.add(Slice(ket, self.layout.sizes(cluster), axis, bit))

    def slice_ket(self, cluster: int, around: Around, axis: int, bit: int) -> int:
        """The slice of a cluster's state, then messages absorbed."""
        return self._absorbed(self.slice(cluster, cluster, axis, bit), cluster, around, axis)

    def _absorbed(self, ket: int, cluster: int, around: Around, sliced: int | None = None) -> int:
        for there, message in zip(self.layout.topology.neighbours[cluster], around, strict=True):
            if message is not None:
                bond = self.unfolding(cluster, [self.layout.axis(cluster, bond=there)], sliced)
                ket = self.add(Absorb(ket, bond, self.slots[message]))
        return ket

    def unfolding(self, cluster: int, axes: Sequence[int], sliced: int | None = None) -> Unfolding:
        """Axes of a cluster's kets as rows; of slices that have lost the axis `sliced`."""
        sizes = self.layout.sizes(cluster)
        if sliced is None:
            return Unfolding(sizes, tuple(axes))
        return Unfolding((*sizes[:sliced], *sizes[sliced + 1 :]), tuple(axis - (axis > sliced) for axis in axes))
