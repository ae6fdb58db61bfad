"""One-qubit states as points on a Bloch sphere, in the page's own colours."""

from html import escape

import numpy as np
from torch import Tensor

from qdiffusion.plots.states import ELEVATION, Numbers, bloch_vectors, projected

RADIUS, EDGE = 100, 124
SHADES = 6
"""Steps from the points behind, faint, to those in front."""
READING = "Each point is a state on the Bloch sphere, |0⟩ at the top; the fainter a point, the farther behind."


def draw_sphere(states: Tensor, label: str, small: bool = False) -> str:
    """complex (N, 2) as SVG; a small one, a few to a row, has larger points and no letters."""
    seen = projected(bloch_vectors(states))
    behind, before = (_points(seen, shades) for shades in (range(SHADES // 2), range(SHADES // 2, SHADES)))
    kind, box = "sphere small" if small else "sphere", f"{-EDGE} {-EDGE} {2 * EDGE} {2 * EDGE}"
    return "\n".join(
        [
            f'<svg class="{kind}" viewBox="{box}" role="img" aria-label="{escape(label)}">',
            *behind,
            *_frame(),
            *before,
            *([] if small else _letters()),
            "</svg>",
        ]
    )


def _points(seen: Numbers, shades: range) -> list[str]:
    """A path for each shade, of lines of no length whose round ends are the points."""
    shade = np.clip((seen[:, 2] + 1) / 2 * SHADES, 0, SHADES - 1).astype(int)
    paths = []
    for each in shades:
        dots = "".join(f"M{RADIUS * x:.1f} {-RADIUS * y:.1f}h0" for x, y, _ in seen[shade == each])
        if dots:
            paths.append(f'<path class="points" stroke-opacity="{0.25 + 0.75 * each / (SHADES - 1):.2f}" d="{dots}"/>')
    return paths


def _frame() -> list[str]:
    """Outline, equator and axes."""
    half = f"A{RADIUS} {RADIUS * np.sin(ELEVATION):.1f} 0 0"
    ends = RADIUS * projected(np.eye(3))
    axes = "".join(f"M0 0L{x:.1f} {-y:.1f}" for x, y, _ in ends)
    return [
        f'<circle r="{RADIUS}"/>',
        f'<path class="hidden" d="M{-RADIUS} 0{half} 1 {RADIUS} 0"/>',
        f'<path d="M{-RADIUS} 0{half} 0 {RADIUS} 0"/>',
        f'<path class="hidden" d="{axes}"/>',
    ]


def _letters() -> list[str]:
    x, y, _ = projected(np.eye(3)) * [1.28 * RADIUS, -1.28 * RADIUS, 0]
    places = [("|0⟩", (0, -RADIUS - 13)), ("|1⟩", (0, RADIUS + 13)), ("x", x[:2]), ("y", y[:2])]
    return [f'<text x="{left:.1f}" y="{down:.1f}">{text}</text>' for text, (left, down) in places]
