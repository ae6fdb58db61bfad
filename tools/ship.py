"""Turn a finished and evaluated run into a checkpoint that ships with the package.

    python tools/ship.py RUN [--name NAME]

It lies in `src/qdiffusion/pretrained/NAME/`, by default under the experiment's own name, and is called
`pretrained:NAME`: the weights, the experiment without what only this machine knows, and a model card.
"""

import argparse
import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

from qdiffusion.cli.fields import differences
from qdiffusion.data.catalog import NAMES, known_set
from qdiffusion.models import packaged
from qdiffusion.plots.scores import table_rows
from qdiffusion.runs import Run
from qdiffusion.runs.files import write_folder_atomic, write_json_atomic, write_text_atomic
from qdiffusion.training import PRESETS, from_json

MACHINE = ("platform", "cpu_count", "threads", "device")
FOUND = re.compile(r", from /[^;,]*")
"""Where the data lay, in the sentence on their source."""

CARD = """# {name}

{summary}

    qdiffusion sample pretrained:{name} -n 64
    {network}.from_pretrained("pretrained:{name}")      # from qdiffusion.models

## How it was trained

    {command}

{steps:,} steps, seed {seed}; qdiffusion {qdiffusion}, torch {torch}. The weights are their moving average, float32.

## Data

{source} ({licence})

## Scores

{scores}

## Intended use

Research and teaching: comparing denoisers with and without quantum circuits. The circuits are simulated exactly, on no
quantum hardware. Samples resemble the training data and are fit for nothing that people rely on.

## Licence

Apache-2.0, as qdiffusion.
"""


def ship(run: Run, name: str | None = None, into: Path = packaged.FOLDER) -> Path:
    """Write the checkpoint of a finished run; gives its folder."""
    saved = run.read_experiment()
    if not run.model_path.is_dir():
        raise SystemExit(f"{run.path} is not finished: it has no model/; train it to its end.")
    metrics = run.read_metrics()
    if metrics is None:
        raise SystemExit(f"{run.path} has no scores for the card; run `qdiffusion evaluate {run.path} -n N`.")
    portable = without_machine(saved)
    folder = into / (name or portable["experiment"]["name"])

    def fill(place: Path) -> None:
        write_json_atomic(place / "experiment.json", portable)
        write_text_atomic(place / "README.md", card(folder.name, portable, _without_places(metrics), _network(run)))
        for part in filter(Path.is_dir, (run.model_path, run.codec_path)):
            shutil.copytree(part, place / part.name)

    write_folder_atomic(folder, fill)
    return folder


def without_machine(saved: dict[str, Any]) -> dict[str, Any]:
    """What experiment.json says, without the machine and its paths."""
    portable = _without_places(saved)
    portable["environment"] = {key: value for key, value in saved["environment"].items() if key not in MACHINE}
    data = portable["experiment"]["data"]
    if "root" in data:
        data["root"] = None
    left = [text for text in _texts(portable) if text.startswith("/")]
    if left:
        raise SystemExit(f"The experiment names {', '.join(left)}, which is of this machine only: it cannot ship.")
    return portable


def card(name: str, saved: dict[str, Any], metrics: dict[str, Any], network: str) -> str:
    """The model card, Markdown."""
    experiment = from_json(json.dumps(saved["experiment"]))
    preset = PRESETS[experiment.name]
    flags = differences(preset.build(), experiment)
    if flags is None:
        raise SystemExit(f"No preset and flags make the experiment {experiment.name}: the card could not say how.")
    data = saved["data"]["name"]
    head, rows = table_rows(metrics)
    table = [head, ["---"] * len(head), *rows]
    lines = [f"| {' | '.join(row)} |" for row in table]
    return CARD.format(
        name=name,
        summary=f"{preset.summary[:1].upper()}{preset.summary[1:].rstrip('.')}.",
        network=network,
        command=shlex.join(["qdiffusion", "train", experiment.name, *flags, "--out", name]),
        steps=experiment.total_steps,
        seed=experiment.seed,
        qdiffusion=saved["environment"]["qdiffusion"],
        torch=saved["environment"]["torch"],
        source=saved["data"]["source"].rstrip("."),
        licence=known_set(data).licence if data in NAMES else "drawn by qdiffusion itself",
        scores="\n".join([metrics["title"], "", *lines, "", *metrics["conditions"]]),
    )


def _network(run: Run) -> str:
    return json.loads((run.model_path / "config.json").read_text(encoding="utf-8"))["_class_name"]


def _without_places(value: Any) -> Any:
    """The value with each sentence that says where data were found cut short."""
    if isinstance(value, dict):
        return {key: _without_places(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_places(each) for each in value]
    return FOUND.sub("", value) if isinstance(value, str) else value


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) else []


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("run", type=Path, help="the run folder")
    options.add_argument("--name", help="the checkpoint's name (default: the experiment's)")
    args = options.parse_args()
    print(ship(Run.open(args.run), args.name))


if __name__ == "__main__":
    main()
