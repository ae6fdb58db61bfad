"""How the amplitudes of states drown in Gaussian noise, in plain values; torch loads when a process is built."""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from qdiffusion.data.space import Space
from qdiffusion.diffusion.config import check_timesteps
from qdiffusion.errors import require

if TYPE_CHECKING:
    from qdiffusion.diffusion.amplitudes import AmplitudeNoise


@dataclass(frozen=True)
class AmplitudeNoiseConfig:
    """Gaussian noise on the amplitudes of states, which are normalised again: Cacioppo et al. 2023, QAMP."""

    kind: Literal["amplitudes"] = field(default="amplitudes", kw_only=True)
    """Names this forward process in a saved experiment."""
    timesteps: int = 10
    """Number of noise levels T."""
    schedule: Literal["beta", "snr"] = "beta"
    """What `first` and `last` are: beta, variances β_t, evenly spaced; snr, energies of the state over those of the
    noise, ᾱ_t / (1 - ᾱ_t), evenly spaced in their logarithms."""
    first: float = 1e-4
    """At the first level."""
    last: float = 0.01801
    """At the last level."""
    noise: Literal["complex", "real"] = "complex"
    """complex: real and imaginary parts; real: real parts alone."""
    scale: Literal["literal", "unit"] = "literal"
    """literal: variance 1 of each part of each amplitude, so that the noise's energy grows with the register: 512 on
    256 amplitudes. unit: energy 1, that of the state."""
    prediction: Literal["previous", "clean"] = "previous"
    """What the denoiser says of x_t: the state of the mean of x_{t-1} given x_t and x_0, or x_0."""

    def __post_init__(self) -> None:
        check_timesteps(self.timesteps)
        given = f"{self.first:g} and {self.last:g}"
        if self.schedule == "beta":
            fits = all(0 < beta < 1 for beta in (self.first, self.last))
            require(fits, "first and last", given, "variances above 0 and below 1")
        else:
            fits = 0 < self.last <= self.first < math.inf
            require(fits, "first and last", given, "signal-to-noise ratios above 0, the last not above the first")

    def build(self, space: Space, seed: int) -> "AmplitudeNoise":
        """The process on states of `space`, whose chance is that of each call; raises UsageError for what are none."""
        from qdiffusion.diffusion.amplitudes import AmplitudeNoise, alphas_cumprod

        space.expect("states", "Noise on amplitudes")
        alphas = alphas_cumprod(self.schedule, self.first, self.last, self.timesteps)
        return AmplitudeNoise(alphas, space.shape[0], self.noise, self.scale, self.prediction)
