"""Checkpoints that come with the package, each called `pretrained:NAME`.

A folder of `qdiffusion/pretrained/` holds what sampling a finished run needs (`experiment.json`, `model/`, `codec/`
where there is one) and a model card, README.md. Its name is the checkpoint's: there is no other list.
"""

from pathlib import Path

from qdiffusion.errors import UsageError

PREFIX = "pretrained:"
FOLDER = Path(__file__).resolve().parents[1] / "pretrained"


def packaged_names() -> list[str]:
    """The checkpoints there are."""
    return sorted(path.parent.name for path in FOLDER.glob("*/experiment.json"))


def packaged_folder(name: object) -> Path | None:
    """The folder of `pretrained:NAME`; None of a name or path that does not begin so.

    Raises:
        UsageError: there is no such checkpoint.
    """
    text = str(name)
    if not text.startswith(PREFIX):
        return None
    names = packaged_names()
    if text.removeprefix(PREFIX) not in names:
        known = ", ".join(PREFIX + each for each in names) or "none"
        raise UsageError(f"There is no checkpoint {text}; this version of qdiffusion comes with {known}.")
    return FOLDER / text.removeprefix(PREFIX)
