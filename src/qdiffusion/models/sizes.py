"""Which images fit a U-Net: how the side of a feature map shrinks from level to level."""

from itertools import islice

from qdiffusion.errors import UsageError

SEARCHED = 10_000
"""How many pixels away a size that fits is looked for."""


def halved(size: int) -> int:
    """The side after one strided convolution: n/2 for even n (4×4 kernel), (n-3)/2 for odd n (7×7 kernel)."""
    return size // 2 if size % 2 == 0 else (size - 3) // 2


def level_sizes(sample_size: int, levels: int) -> list[int]:
    """The side at each of the levels, the image's own first and the vertex's last: 28, 14, 7, 2."""
    sizes = [sample_size]
    while len(sizes) < levels:
        sizes.append(max(0, halved(sizes[-1])))
    return sizes


def check_image_size(sample_size: int, levels: int, vertex_multiple: int) -> None:
    """Refuse images whose vertex is under 2 pixels a side or no multiple of `vertex_multiple`.

    Raises:
        UsageError: naming the nearest sizes that fit.
    """

    def fits(size: int) -> bool:
        vertex = level_sizes(size, levels)[-1]
        return vertex >= 2 and vertex % vertex_multiple == 0

    if fits(sample_size):
        return
    outwards = (sample_size + sign * distance for distance in range(1, SEARCHED) for sign in (-1, 1))
    nearest = sorted(islice((size for size in outwards if size > 0 and fits(size)), 4))
    advice = f"use images of {', '.join(map(str, nearest))} pixels, or" if nearest else "use"
    need = "2 or more" if vertex_multiple == 1 else f"a multiple of {vertex_multiple}"
    raise UsageError(
        f"Images of {sample_size}×{sample_size} pixels end {levels} levels down as"
        f" {level_sizes(sample_size, levels)[-1]}×{level_sizes(sample_size, levels)[-1]}, where the model needs"
        f" {need}: {advice} another number of levels."
    )
