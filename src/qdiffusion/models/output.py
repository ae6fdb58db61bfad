"""What a denoiser returns."""

from typing import Any

from jaxtyping import Float
from torch import Tensor


def output(noise: Float[Tensor, "n ..."], return_dict: bool) -> Any | tuple[Float[Tensor, "n ..."]]:
    """What was predicted of each item, as diffusers has it: a `UNet2DOutput` with `.sample`, or the only element."""
    if not return_dict:
        return (noise,)
    # diffusers' own networks, which come with this class, take a second to load.
    from diffusers.models.unets.unet_2d import UNet2DOutput

    return UNet2DOutput(sample=noise)
