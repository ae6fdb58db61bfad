"""The verbs and their flags (argparse, so that help is instant); fields of an experiment are in `fields`."""

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from qdiffusion import __version__
from qdiffusion.cli import verbs
from qdiffusion.cli.words import closest
from qdiffusion.errors import UsageError

EXPERIMENT_FLAGS = (
    "Every field of the experiment is a flag, too (--data.name mnist --seed 3 --stages.0.steps 300); "
    "give a preset before --help to list them."
)


class Parser(argparse.ArgumentParser):
    """argparse that raises `UsageError` instead of printing its usage and exiting."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        choice = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        hint = closest(choice[1], re.findall(r"[\w-]+", choice[2])) if choice else ""
        raise UsageError(f"{message[0].upper()}{message[1:]}{hint}; see {self.prog} --help.")


class ExperimentHelp(argparse.Action):
    """`train PRESET --help`: the verb's flags, then the fields of the preset, of the kinds that `words` name."""

    def __init__(self, option_strings: Sequence[str], dest: str, words: Sequence[str], **options: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, help="show this help; after PRESET, its fields too")
        self.words = words

    def __call__(self, parser: argparse.ArgumentParser, request: argparse.Namespace, *_: Any) -> None:
        parser.print_help()
        if request.preset is not None:
            verbs.print_fields(request.preset, self.words)
        parser.exit()


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The request in a command line: its flags, `verb` (what to call with it) and `fields` (words left over).

    Without any words it is that for help.

    Raises:
        UsageError: an unknown verb or flag, a missing argument, a value of the wrong type.
    """
    request, rest = build_parser(words).parse_known_args(words or ["--help"])
    if rest and not request.takes_fields:
        raise UsageError(f"Unknown argument {rest[0]!r}; see {request.prog} --help.")
    request.fields = rest
    return request


def build_parser(words: Sequence[str] = ()) -> Parser:
    """The parser of the whole command; `words` are what it is to read."""
    parser = Parser(
        prog="qdiffusion",
        description="Diffusion models with quantum circuits in them: train, sample, measure, understand.",
        epilog="--debug, anywhere, shows the traceback of a failure.",
    )
    parser.add_argument("--version", action="version", version=f"qdiffusion {__version__}")
    add = parser.add_subparsers(dest="verb_name", metavar="COMMAND", required=True).add_parser
    _add_presets(add)
    _add_describe(add, words)
    _add_train(add, words)
    _add_resume(add)
    _add_sample(add)
    _add_evaluate(add)
    _add_report(add)
    _add_reproduce(add)
    _add_analyze(add)
    _add_data(add)
    return parser


def _verb(
    add: Callable[..., Parser],
    name: str,
    action: Callable[[argparse.Namespace], None],
    summary: str,
    words: Sequence[str] | None = None,
) -> Parser:
    takes_fields = words is not None
    parser = add(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=EXPERIMENT_FLAGS if takes_fields else None,
        add_help=not takes_fields,
    )
    parser.set_defaults(verb=action, takes_fields=takes_fields, prog=parser.prog)
    if takes_fields:
        parser.add_argument("preset", metavar="PRESET", help="one of `qdiffusion presets`")
        parser.add_argument("-h", "--help", action=ExperimentHelp, words=words)
    return parser


def _add_presets(add: Callable[..., Parser]) -> None:
    _json(_verb(add, "presets", verbs.presets, "list the experiments that come with qdiffusion"))


def _add_describe(add: Callable[..., Parser], words: Sequence[str]) -> None:
    _json(
        _verb(
            add,
            "describe",
            verbs.describe,
            "show an experiment's layers, circuits and parameters",
            words=words,
        )
    )


def _add_train(add: Callable[..., Parser], words: Sequence[str]) -> None:
    parser = _verb(add, "train", verbs.train, "train, sample and evaluate an experiment into a run folder", words=words)
    parser.add_argument("--out", type=Path, metavar="DIR", help="the run folder to write")
    parser.add_argument("--dry-run", action="store_true", help="print the resolved experiment, train nothing")
    parser.add_argument("--overwrite", action="store_true", help="replace the run that is in DIR")
    parser.add_argument("--steps", type=int, metavar="N", help="steps of the last stage")


def _add_resume(add: Callable[..., Parser]) -> None:
    _run_folder(_verb(add, "resume", verbs.resume, "go on with a run that was stopped"))


def _add_sample(add: Callable[..., Parser]) -> None:
    parser = _trained(_verb(add, "sample", verbs.sample, "draw samples from a trained run"))
    _sampling(parser, default_count=64)
    parser.add_argument(
        "--classes", type=_numbers, metavar="A,B", help="draw these classes in turn, from a class-conditional model"
    )
    parser.add_argument(
        "--show-steps", type=int, default=0, metavar="N", help="a picture of the first samples at N steps of their way"
    )


def _add_evaluate(add: Callable[..., Parser]) -> None:
    parser = _trained(_verb(add, "evaluate", verbs.evaluate, "score samples drawn from a trained run"))
    _sampling(parser, default_count=None)
    parser.add_argument(
        "--features",
        metavar="NAME|FILE",
        help="feature network: mnist-cnn, fashion-mnist-cnn or a TorchScript file (default: that of the data)",
    )
    _json(parser)


def _add_report(add: Callable[..., Parser]) -> None:
    _trained(_verb(add, "report", verbs.report, "draw a run's figures and write its report.html again"))


def _add_reproduce(add: Callable[..., Parser]) -> None:
    parser = _verb(add, "reproduce", verbs.reproduce, "train every column of a paper's table, and write the table")
    parser.add_argument("study", metavar="STUDY", help="de-falco-mnist, qamp, …; an unknown one lists all")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the study's folder (default: results/STUDY)")
    parser.add_argument("--seeds", type=int, default=1, metavar="S", help="seeds 0 … S-1 of every column (default: 1)")
    parser.add_argument("--columns", type=_words, metavar="A,B", help="only these columns (default: all)")
    parser.add_argument(
        "--epochs", type=int, metavar="E", help="passes over the training images (default: the paper's)"
    )
    parser.add_argument("--train-size", type=int, metavar="N", help="training images (default: the paper's)")
    parser.add_argument("--batch-size", type=int, metavar="N", help="images a step (default: the paper's)")
    parser.add_argument(
        "--samples", type=int, metavar="N", help="images scored at each moment (default: 7,000; qamp: 1,000)"
    )
    parser.add_argument("--sampler", metavar="NAME", help="ddpm, ddim or dpmpp (default: ddim; none in qamp)")
    parser.add_argument("--sampling-steps", type=int, metavar="N", help="denoising steps an image (default: 50)")
    parser.add_argument("--quick", action="store_true", help="minutes: shows that the study runs, and nothing else")
    parser.add_argument("--dry-run", action="store_true", help="list the cells and which are done; train nothing")


def _add_analyze(add: Callable[..., Parser]) -> None:
    about = "weigh circuits and encodings before any training, and show what a run has undone"
    parser = add("analyze", help=about, description=about[0].upper() + about[1:] + ".")
    add_analysis = parser.add_subparsers(dest="analysis", metavar="COMMAND", required=True).add_parser
    ansatz = _verb(
        add_analysis,
        "ansatz",
        verbs.analyze_ansatz,
        "how expressible and entangling ansätze are, in a table and a figure",
    )
    ansatz.add_argument("names", nargs="*", metavar="NAME", help="conv-phase, conv-grover, … (default: all that fit)")
    ansatz.add_argument("--wires", type=int, default=4, metavar="N", help="(default: 4)")
    ansatz.add_argument("--layers", type=int, default=5, metavar="L", help="(default: 5)")
    ansatz.add_argument("--samples", type=int, default=5000, metavar="N", help="pairs of states (default: 5,000)")
    ansatz.add_argument("--bins", type=int, default=75, metavar="N", help="of the fidelities (default: 75)")
    ansatz.add_argument("--seed", type=int, default=0, metavar="N", help="(default: 0)")
    encodings = _verb(
        add_analysis, "encodings", verbs.analyze_encodings, "what encodings cost, in a table and a figure"
    )
    encodings.add_argument("--features", type=int, default=16, metavar="N", help="numbers encoded (default: 16)")
    encodings.add_argument("--bits", type=int, default=8, metavar="P", help="a number, in basis encoding (default: 8)")
    encodings.add_argument("--repeats", type=int, default=3, metavar="N", help="uploads, re-uploading (default: 3)")
    scrambling = _verb(
        add_analysis,
        "scrambling",
        verbs.analyze_scrambling,
        "how deep ladder circuits scramble",
    )
    scrambling.add_argument("--qubits", type=_numbers, default=(4, 8, 12), metavar="A,B", help="(default: 4,8,12)")
    scrambling.add_argument("--draws", type=int, default=10, metavar="N", help="circuits of each (default: 10)")
    scrambling.add_argument("--seed", type=int, default=0, metavar="N", help="(default: 0)")
    gradients = _verb(
        add_analysis,
        "gradients",
        verbs.analyze_gradients,
        "how steep it is to undo a scrambler",
    )
    gradients.add_argument(
        "--qubits", type=_numbers, default=(2, 4, 6, 8, 10), metavar="A,B", help="(default: 2,4,6,8,10)"
    )
    gradients.add_argument("--draws", type=int, default=100, metavar="N", help="of each size (default: 100)")
    gradients.add_argument("--seed", type=int, default=0, metavar="N", help="(default: 0)")
    run = _run_folder(
        _verb(
            add_analysis,
            "run",
            verbs.analyze_run,
            "what a run on scrambled or depolarised states restores or makes, in figures and tables",
        )
    )
    run.add_argument("--state", type=int, metavar="I", help="of a scrambler: the held-out state shown (default: 0)")
    run.add_argument("--seed", type=int, metavar="N", help="of a chain: of the states drawn (default: 0)")
    run.add_argument("--snapshot", type=int, metavar="STEP", help="the weights of this step, one of --snapshots")
    run.add_argument("--out", type=Path, metavar="DIR", help="where to write (default: figures/ of the run)")
    for analysis in (ansatz, encodings, scrambling, gradients):
        analysis.add_argument("--out", type=Path, metavar="DIR", help="where to write table and figure, too")


def _add_data(add: Callable[..., Parser]) -> None:
    parser = add("data", help="fetch and list image sets", description="Fetch and list image sets.")
    add_data = parser.add_subparsers(dest="data_verb", metavar="COMMAND", required=True).add_parser
    _json(_verb(add_data, "list", verbs.data_list, "list the known image sets and where they were found"))
    fetch = _verb(add_data, "fetch", verbs.data_fetch, "download an image set, verified and resumable")
    fetch.add_argument("name", metavar="SET", help="mnist or fashion-mnist")
    fetch.add_argument("--root", type=Path, metavar="DIR", help="where to put it (default: the user's cache)")


def _run_folder(parser: Parser) -> Parser:
    parser.add_argument("run", type=Path, metavar="DIR", help="the run folder")
    return parser


def _trained(parser: Parser) -> Parser:
    parser.add_argument(
        "run",
        type=Path,
        metavar="DIR|pretrained:NAME",
        help="the run folder, or a checkpoint that comes with qdiffusion",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to copy pretrained:NAME to (default: ./NAME)")
    return parser


def _json(parser: Parser) -> Parser:
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers such as 3,7") from None


def _sampling(parser: Parser, default_count: int | None) -> None:
    parser.add_argument(
        "-n",
        "--count",
        type=int,
        metavar="N",
        required=default_count is None,
        default=default_count,
        help="how many samples" + (f" (default: {default_count})" if default_count else ""),
    )
    parser.add_argument(
        "--sampler",
        metavar="NAME",
        help="ddpm, ddim or dpmpp; of an SDE euler-maruyama, pc, heun or rk4 (default: the experiment's)",
    )
    parser.add_argument("--steps", type=int, metavar="N", help="sampling steps (default: the experiment's)")
    parser.add_argument(
        "--guidance", type=float, metavar="G", help="strength of classifier-free guidance (default: the experiment's)"
    )
    parser.add_argument("--snapshot", type=int, metavar="STEP", help="the weights of this step, one of --snapshots")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="(default: 0)")
