"""The noise levels that a sampler visits."""


def trailing_timesteps(timesteps: int, steps: int) -> tuple[int, ...]:
    """t_i = round(T · i / steps) - 1 for i = steps … 1: evenly spaced, descending, all different, the first is T - 1.

    The "trailing" grid of Lin et al. 2024, table 2, counted in integers, since T / steps summed up in floating point
    gains a level -1 for some counts (61 of 1000).

    Args:
        timesteps: T.
        steps: 1 … T.
    """
    return tuple((2 * timesteps * i + steps) // (2 * steps) - 1 for i in range(steps, 0, -1))
