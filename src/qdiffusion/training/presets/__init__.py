"""Ready experiments, a file for each family.

A preset is a function that returns an `Experiment`; any field can be changed afterwards.
"""

from difflib import get_close_matches

from qdiffusion.errors import UsageError
from qdiffusion.training.presets.capece import CAPECE
from qdiffusion.training.presets.de_falco import DE_FALCO
from qdiffusion.training.presets.digits import DIGITS
from qdiffusion.training.presets.first import QUICKSTART
from qdiffusion.training.presets.latent import LATENT
from qdiffusion.training.presets.preset import Preset
from qdiffusion.training.presets.qamp import QAMP
from qdiffusion.training.presets.qdm import QDM
from qdiffusion.training.presets.quddpm import QUDDPM
from qdiffusion.training.presets.states import STATES

__all__ = ["PRESETS", "Preset", "get_preset"]

PRESETS: dict[str, Preset] = {
    preset.name: preset for preset in (*QUICKSTART, *DE_FALCO, *DIGITS, *CAPECE, *LATENT, *QAMP, *QDM, *STATES, *QUDDPM)
}


def get_preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        UsageError: there is none; the sentence has the one that was meant, or lists all.
    """
    if name in PRESETS:
        return PRESETS[name]
    close = get_close_matches(name, PRESETS, n=1)
    if close:
        raise UsageError(f"There is no preset {name!r}. Did you mean {close[0]}? `qdiffusion presets` lists all.")
    raise UsageError(f"There is no preset {name!r}; there are {', '.join(PRESETS)}.")
