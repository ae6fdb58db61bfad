"""What each verb does: read the request, call the library, print. Heavy imports wait until a verb needs them."""

import json
import shlex
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from qdiffusion.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from qdiffusion.analysis.encodings import EncodingCost
    from qdiffusion.runs import Run
    from qdiffusion.runs.description import Description
    from qdiffusion.training.experiment import Experiment


def presets(request: Namespace) -> None:
    """`qdiffusion presets`"""
    from qdiffusion.training.presets import PRESETS

    if request.json:
        _print_json([{"name": preset.name, "summary": preset.summary} for preset in PRESETS.values()])
        return
    width = max(map(len, PRESETS))
    for preset in PRESETS.values():
        print(f"{preset.name:<{width}}  {preset.summary}")


def describe(request: Namespace) -> None:
    """`qdiffusion describe PRESET`"""
    from qdiffusion.training import describe as describe_experiment

    descriptions = describe_experiment(_experiment(request))
    if request.json:
        _print_json([model.to_dict() for model in descriptions])
    else:
        _print_descriptions(descriptions)


def train(request: Namespace) -> None:
    """`qdiffusion train PRESET --out DIR`"""
    if request.out is None and not request.dry_run:
        raise UsageError(
            "Nothing says where to write the run: give --out DIR, or --dry-run to see what would be trained."
        )
    from qdiffusion import training
    from qdiffusion.progress import RichProgress
    from qdiffusion.training.experiment import to_json

    experiment = _experiment(request)
    if request.dry_run:
        print(to_json(experiment))
        _print_descriptions(training.describe(experiment))
        return
    run = training.train(experiment, request.out, overwrite=request.overwrite, progress=RichProgress())
    _conclude(run)


def resume(request: Namespace) -> None:
    """`qdiffusion resume DIR`"""
    from qdiffusion import training
    from qdiffusion.progress import RichProgress

    _conclude(training.resume(request.run, progress=RichProgress()))


def sample(request: Namespace) -> None:
    """`qdiffusion sample DIR -n N`"""
    from qdiffusion.progress import RichProgress
    from qdiffusion.training import sample_run, unpacked

    run = unpacked(request.run, request.out)
    samples = sample_run(
        run,
        request.count,
        classes=request.classes,
        show_steps=request.show_steps,
        progress=RichProgress(),
        **_drawn(request),
    )
    _refresh(run)
    print(f"samples  {samples.path}")
    print(f"picture  {samples.path.with_suffix('.png')}")
    if request.show_steps:
        print(f"steps    {samples.path.with_name(samples.name + '-steps.png')}")


def evaluate(request: Namespace) -> None:
    """`qdiffusion evaluate DIR -n N`"""
    from qdiffusion.progress import RichProgress
    from qdiffusion.training import evaluate_run, unpacked

    run = unpacked(request.run, request.out)
    options = {} if request.features is None else {"features": request.features}
    scores = evaluate_run(run, request.count, progress=RichProgress(), **options, **_drawn(request))
    _refresh(run)
    if request.json:
        _print_json(scores.to_dict())
    else:
        print(scores.table())


def _drawn(request: Namespace) -> dict[str, Any]:
    """What `sample` and `evaluate` were told of how to draw."""
    return {name: getattr(request, name) for name in ("sampler", "steps", "guidance", "snapshot", "seed")}


def report(request: Namespace) -> None:
    """`qdiffusion report DIR`"""
    from qdiffusion.training import unpacked

    run = unpacked(request.run, request.out)
    _refresh(run)
    print(f"report  {run.report_path}")


def reproduce(request: Namespace) -> None:
    """`qdiffusion reproduce STUDY`"""
    from dataclasses import fields
    from pathlib import Path

    from qdiffusion.progress import RichProgress
    from qdiffusion.studies.budget import Budget
    from qdiffusion.studies.catalog import get_study
    from qdiffusion.studies.page import write_tables
    from qdiffusion.studies.reproduce import Reproduction

    study = get_study(request.study)
    given = {field.name: getattr(request, field.name) for field in fields(Budget)}
    budget = (study.quick if request.quick else study.budget).changed(request.study, **given)
    out = request.out or Path("results") / request.study
    columns = request.columns or study.spec.keys
    reproduction = Reproduction(study, budget, out, columns, tuple(range(request.seeds)))
    if request.dry_run:
        for cell in reproduction.cells:
            state = "done" if reproduction.is_done(cell) else "to be done"
            print(f"{cell.column:<20} seed {cell.seed}  {cell.experiment.total_steps:>7,} steps  {state}")
        return
    reproduction.carry_out(RichProgress(), on_cell=lambda: write_tables(out, study))
    print(f"page   {write_tables(out, study)}")
    print(f"table  {out / 'table.md'}")


def analyze_ansatz(request: Namespace) -> None:
    """`qdiffusion analyze ansatz [NAME …]`"""
    from qdiffusion.analysis.ansatze import study_ansatze
    from qdiffusion.analysis.pages import ansatz_notes, ansatz_rows, rich_table, write_ansatz_study
    from qdiffusion.progress import RichProgress

    study = study_ansatze(
        request.names, request.wires, request.layers, request.samples, request.bins, request.seed, RichProgress()
    )
    _print_rich(rich_table(f"{study.n_wires} wires, {study.n_layers} layers", *ansatz_rows(study)))
    print(*ansatz_notes(study), sep="\n")
    if request.out is not None:
        command = _analysis(request, "ansatz", *request.names, flags=("wires", "layers", "samples", "bins", "seed"))
        write_ansatz_study(request.out, study, command)
        _print_files(request.out, "ansatz", ("md", "csv", "png"))


def analyze_encodings(request: Namespace) -> None:
    """`qdiffusion analyze encodings`"""
    from qdiffusion.analysis.encodings import encoding_costs
    from qdiffusion.analysis.pages import encoding_notes, encoding_rows, rich_table, write_encoding_costs

    def costs(n_features: int) -> "tuple[EncodingCost, ...]":
        return encoding_costs(n_features, request.bits, request.repeats)

    found = costs(request.features)
    _print_rich(rich_table(f"Encodings of {request.features:,} real numbers", *encoding_rows(found)))
    print(*encoding_notes(found), sep="\n")
    if request.out is not None:
        curves = {n: costs(n) for n in (2, 4, 8, 16, 32, 64)}
        command = _analysis(request, "encodings", flags=("features", "bits", "repeats"))
        write_encoding_costs(request.out, found, curves, command)
        _print_files(request.out, "encodings", ("md", "png"))


def analyze_scrambling(request: Namespace) -> None:
    """`qdiffusion analyze scrambling`"""
    from qdiffusion.analysis.pages import rich_table
    from qdiffusion.analysis.scrambling import study_scrambling
    from qdiffusion.analysis.scramblingpage import scrambling_notes, scrambling_rows, write_scrambling_study
    from qdiffusion.progress import RichProgress

    study = study_scrambling(request.qubits, request.draws, request.seed, RichProgress())
    _print_rich(rich_table("Ladder circuits", *scrambling_rows(study)))
    print(*scrambling_notes(study), sep="\n")
    if request.out is not None:
        command = _analysis(request, "scrambling", flags=("qubits", "draws", "seed"))
        write_scrambling_study(request.out, study, command)
        _print_files(request.out, "scrambling", ("md", "png"))


def analyze_gradients(request: Namespace) -> None:
    """`qdiffusion analyze gradients`"""
    from qdiffusion.analysis.blindness import chance
    from qdiffusion.analysis.gradients import study_gradients
    from qdiffusion.analysis.pages import rich_table
    from qdiffusion.analysis.scramblingpage import (
        chance_notes,
        chance_rows,
        gradient_notes,
        gradient_rows,
        write_gradient_study,
    )
    from qdiffusion.progress import RichProgress

    found = study_gradients(request.qubits, request.draws, request.seed, progress=RichProgress())
    _print_rich(rich_table("Variance of slopes", *gradient_rows(found)))
    print(*gradient_notes(request.draws), sep="\n")
    _print_rich(rich_table("What chance scores", *chance_rows(chance(request.qubits, request.seed))))
    print(*chance_notes(), sep="\n")
    if request.out is not None:
        command = _analysis(request, "gradients", flags=("qubits", "draws", "seed"))
        write_gradient_study(request.out, found, request.draws, request.seed, command)
        _print_files(request.out, "gradients", ("md", "png"))


def analyze_run(request: Namespace) -> None:
    """`qdiffusion analyze run DIR`"""
    from qdiffusion.analysis.pages import rich_table
    from qdiffusion.analysis.runkinds import run_kind
    from qdiffusion.progress import RichProgress
    from qdiffusion.runs import Run

    run = Run.open(request.run)
    request.out = request.out or run.figures_path
    kind = run_kind(run, request.snapshot)
    options = kind.chosen({name: getattr(request, name) for name in ("state", "seed", "snapshot")})
    study = kind.study(run, **options, progress=RichProgress())
    for title, rows in kind.tables(study):
        _print_rich(rich_table(title, *rows))
    for sentence in study.left_out:
        print(sentence)
    command = _analysis(request, "run", str(run.path), flags=kind.options)
    for path in kind.write(request.out, study, command):
        print(f"written  {path}")


def _analysis(request: Namespace, *words: str, flags: Sequence[str]) -> str:
    """The command line of an analysis that was asked for."""
    given = {name: getattr(request, name) for name in (*flags, "out")}
    told = (word for name, value in given.items() if value is not None for word in (f"--{name}", _word(value)))
    return shlex.join(["qdiffusion", "analyze", *words, *told])


def _word(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def data_list(request: Namespace) -> None:
    """`qdiffusion data list`"""
    from qdiffusion.data import list_sets

    sets = list_sets()
    if request.json:
        _print_json([asdict(each) for each in sets])
        return
    for each in sets:
        print(f"{each.name:<21} {each.n_train:>6,} + {each.n_test:>6,} images  {each.found or 'not found'}")
        print(f"{'':<21} {each.licence}")


def data_fetch(request: Namespace) -> None:
    """`qdiffusion data fetch SET`"""
    from qdiffusion.data import fetch
    from qdiffusion.progress import RichProgress

    print(f"data  {fetch(request.name, request.root, RichProgress())}")


def print_fields(preset: str, words: Sequence[str]) -> None:
    """The help of every field of a preset's experiment, of the kinds that some of the words name."""
    from qdiffusion.cli.fields import print_help
    from qdiffusion.cli.kinds import switch_kinds
    from qdiffusion.training.presets import get_preset

    prog = f"qdiffusion train {preset}"
    experiment, _ = switch_kinds(get_preset(preset).build(), words, prog)
    print_help(experiment, prog)


def _experiment(request: Namespace) -> "Experiment":
    """The preset with `--steps` and every field given as a flag replaced."""
    from qdiffusion.cli.fields import override
    from qdiffusion.training.presets import get_preset

    experiment = get_preset(request.preset).build()
    if getattr(request, "steps", None) is not None:
        experiment = experiment.with_steps(request.steps)
    return override(experiment, request.fields, f"{request.prog} {request.preset}")


def _conclude(run: "Run") -> None:
    """What a finished training tells: data, folder, scores, and what to do next."""
    from qdiffusion.training.setup import read_experiment

    _refresh(run)
    metrics = run.read_metrics()
    folder = shlex.quote(str(run.path))
    if metrics is not None:
        _print_scores(metrics)
    print(f"data    {run.read_experiment()['data']['source']}")
    print(f"run     {run.path}")
    print(f"report  {run.report_path}")
    print(f"next    qdiffusion sample {folder} -n 64")
    experiment = read_experiment(run).experiment
    print(f"        qdiffusion evaluate {folder} {experiment.evaluation.flags(experiment.data)}")


def _print_scores(metrics: dict[str, Any]) -> None:
    from qdiffusion.plots.scores import table_rows

    head, rows = table_rows(metrics)
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print(*metrics["conditions"], sep="\n")


def _refresh(run: "Run") -> None:
    """Draw the run's figures and write its report again."""
    from qdiffusion.plots import draw_figures, write_report
    from qdiffusion.runs.lock import locked
    from qdiffusion.training.setup import read_experiment

    experiment = read_experiment(run).experiment
    with locked(run.path, "report", "report", on_wait=lambda sentence: print(sentence, file=sys.stderr)):
        draw_figures(run)
        write_report(run, reproduce=_command(experiment, run))


def _command(experiment: "Experiment", run: "Run") -> str | None:
    """The command line that trains this experiment; None when no preset and flags make it."""
    from qdiffusion.cli.fields import differences
    from qdiffusion.training.presets import PRESETS

    if experiment.name not in PRESETS:
        return None
    flags = differences(PRESETS[experiment.name].build(), experiment)
    if flags is None:
        return None
    return shlex.join(["qdiffusion", "train", experiment.name, *flags, "--out", str(run.path)])


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def _print_descriptions(descriptions: "tuple[Description, ...]") -> None:
    for description in descriptions:
        _print_rich(description.table())


def _print_files(folder: "Path", stem: str, suffixes: Sequence[str]) -> None:
    for suffix in suffixes:
        print(f"written  {folder / f'{stem}.{suffix}'}")


def _print_rich(value: object) -> None:
    from rich.console import Console

    # A pipe or a file has no width of its own; 120 columns hold every table unbroken.
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120).print(value)
