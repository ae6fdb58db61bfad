"""Fields that hold one of several kinds: switched by a flag, listed by help, and told as flags again."""

import random
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import permutations
from typing import Any, Literal

import pytest

from qdiffusion.cli import main
from qdiffusion.cli.fields import differences, override
from qdiffusion.cli.kinds import list_choices, switch_kinds
from qdiffusion.data import EnsembleConfig, ImagesConfig
from qdiffusion.diffusion import DenoiseConfig, ScramblerConfig
from qdiffusion.errors import UsageError
from qdiffusion.models import MLPConfig, QVUNetConfig, UNetConfig
from qdiffusion.training import PRESETS, AdamWConfig, Experiment, Stage, get_preset

PROG = "qdiffusion train x"
MODELS = (
    "unet",
    "qvunet",
    "quanvunet",
    "capece",
    "mlp",
    "unitary",
    "chain",
    "mixed-chain",
    "channel",
    "qamp",
    "qdm",
    "nncpqc",
    "reuploading",
)
FORWARDS = ("gaussian", "sde", "scrambler", "scrambling", "amplitudes", "depolarising")


def changed(words: str, experiment: Experiment | None = None) -> Experiment:
    return override(experiment or Experiment("x"), words.split(), PROG)


def test_another_kind_brings_its_defaults_and_its_own_fields() -> None:
    stage = changed("--stages.0.optimiser.kind adamw --stages.0.optimiser.weight-decay .1").stages[0]
    assert stage == Stage(optimiser=AdamWConfig(weight_decay=0.1))
    assert changed("--data.kind ensemble --data.n-qubits 3").data == EnsembleConfig(n_qubits=3)


@pytest.mark.parametrize(
    "words",
    [
        "--stages.0.optimiser.weight-decay .1 --stages.0.optimiser.kind adamw",
        "--stages.0.optimiser.kind=adamw --stages.0.optimiser.weight_decay=.1",
        "--stages.0.optimiser.weight-decay=.1 --seed 0 --stages.0.optimiser.kind=adamw --log-every 10",
    ],
)
def test_the_order_of_flags_and_their_form_do_not_matter(words: str) -> None:
    assert changed(words) == Experiment("x", stages=(Stage(optimiser=AdamWConfig(weight_decay=0.1)),))


def test_nothing_becomes_something_and_nothing_again() -> None:
    given = changed("--stages.0.model.kind qvunet --stages.0.model.circuits 7")
    assert given.stages[0].model == QVUNetConfig(circuits=7)
    assert changed("--stages.0.forward.kind scrambler", given).stages[0].forward == ScramblerConfig()
    assert changed("--stages.0.model.kind None", given) == Experiment("x")


def test_fields_of_what_is_not_there_are_unknown() -> None:
    with pytest.raises(UsageError, match=r"Unknown field --stages\.0\.optimiser\.weight-decay"):
        changed("--stages.0.optimiser.weight-decay .1")
    with pytest.raises(UsageError, match=r"Unknown field --stages\.0\.model\.circuits"):
        changed("--stages.0.model.circuits 7")


def test_the_same_kind_leaves_the_other_fields_alone() -> None:
    before = Experiment("x", data=ImagesConfig(size=16), model=UNetConfig(dim=20))
    assert changed("--model.kind unet --data.kind=images", before) == before
    assert changed("--model.kind unet --model.heads 2", before).model == UNetConfig(dim=20, heads=2)


@dataclass(frozen=True)
class Leaf:
    kind: Literal["leaf"] = "leaf"


@dataclass(frozen=True)
class Bud:
    kind: Literal["bud"] = "bud"
    size: int = 1


@dataclass(frozen=True)
class Twig:
    kind: Literal["twig"] = "twig"
    end: Leaf | Bud = Leaf()


@dataclass(frozen=True)
class Tree:
    part: Leaf | Twig = Leaf()


@pytest.mark.parametrize("order", [*permutations(["--part.kind=twig", "--part.end.kind=bud", "--part.end.size=3"])])
def test_outer_kinds_are_switched_before_inner_ones(order: tuple[str, ...]) -> None:
    """Whatever their order: the inner field is that of the new outer kind."""
    grown = Tree(Twig(end=Bud(size=3)))
    assert override(Tree(), order, PROG) == grown
    assert override(Tree(), differences(Tree(), grown), PROG) == grown
    assert override(grown, differences(grown, Tree()), PROG) == Tree()


def test_several_fields_may_change_their_kind_at_once() -> None:
    experiment = Experiment("x", stages=(Stage("a"), Stage("b", model=MLPConfig(width=64))))
    words = ["--stages.1.model.kind", "unet", "--model.kind", "mlp", "--stages.0.model.kind", "qvunet"]
    for order in permutations(zip(words[::2], words[1::2], strict=True)):
        switched, rest = switch_kinds(experiment, [word for pair in order for word in pair], PROG)
        assert rest == []
        assert (switched.model, *(stage.model for stage in switched.stages)) == (
            MLPConfig(),
            QVUNetConfig(),
            UNetConfig(),
        )
        assert [stage.name for stage in switched.stages] == ["a", "b"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            "--model.kind transformer",
            "expects unet or qvunet or quanvunet or .* or qamp or qdm or nncpqc or reuploading, but transformer was",
        ),
        ("--model.kind", "--model.kind expects unet .* but nothing was given"),
        ("--model.kind=", "--model.kind expects unet .* but nothing was given"),
        ("--model.kind= unet", "--model.kind expects unet .* but nothing was given"),
        ("--model.kind None", "--model.kind expects unet .* but None was given"),
        ("--modle.kind unet", r"--modle.kind names a field that has no kinds \(did you mean model\?\)"),
        ("--data.path.kind file", "--data.path.kind names a field that has no kinds"),
        ("--stages.1.model.kind unet", r"--stages.1.model.kind names a field .*did you mean stages.0.model"),
        ("--stages.0.ema.kind none", "--stages.0.ema.kind names a field that has no kinds"),
    ],
)
def test_what_is_no_kind_is_refused_in_a_sentence(words: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as refusal:
        changed(words)
    assert "\n" not in str(refusal.value)


def test_choices_are_the_unions_of_the_experiment() -> None:
    found = {choice.path: (choice.now, tuple(choice.kinds)) for choice in list_choices(Experiment("x"))}
    assert found == {
        "data": ("images", ("images", "ensemble")),
        "codec": ("pixels", ("pixels", "raw", "autoencoder", "amplitudes", "densities")),
        "forward": ("gaussian", FORWARDS),
        "model": (
            "unet",
            MODELS,
        ),
        "stages.0.objective": ("denoise", ("denoise", "reconstruct", "infidelity", "undo", "chain")),
        "stages.0.optimiser": ("adam", ("adam", "adamw", "natural")),
        "stages.0.model": (
            "None",
            (*MODELS, "None"),
        ),
        "stages.0.forward": ("None", (*FORWARDS, "None")),
        "sampling": ("scheduler", ("scheduler", "sde", "chain")),
        "evaluation": ("images", ("images", "states", "denoising", "amplitudes", "likelihood")),
    }


def test_help_lists_kinds_and_what_stands_there_now(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "quickstart", "--help"]) == 0
    shown = capsys.readouterr().out.splitlines()
    for choice in list_choices(get_preset("quickstart").build()):
        assert f"  --{choice.path}.kind {'|'.join(choice.kinds)} (default: {choice.now})" in shown


def pairs() -> list[tuple[str, str]]:
    """Presets between which flags can lead: those of as many stages."""
    built = {name: preset.build() for name, preset in PRESETS.items()}
    return [
        (before, after)
        for before, after in permutations(built, 2)
        if len(built[before].stages) == len(built[after].stages)
    ]


def test_flags_lead_from_any_preset_to_any_other_of_as_many_stages() -> None:
    """A hundred pairs of some 800."""
    for before, after in random.Random(0).sample(pairs(), 100):
        old, new = (get_preset(name).build() for name in (before, after))
        flags = differences(old, new)
        assert flags is not None
        assert override(old, flags, PROG) == new, (before, after, flags)


def switched(experiment: Experiment, chance: random.Random) -> Experiment:
    """Each field that has kinds of any of them, and some numbers of what is there larger."""
    for choice in list(list_choices(experiment)):
        kind = chance.choice(list(choice.kinds))
        experiment, _ = switch_kinds(experiment, [f"--{choice.path}.kind", kind], PROG)
    return shaken(experiment, chance)


def shaken(node: Any, chance: random.Random) -> Any:
    """A dataclass with some whole numbers larger and some truths reversed, where it can be."""
    changes = {}
    for field in fields(node):
        value = getattr(node, field.name)
        if is_dataclass(value):
            changes[field.name] = shaken(value, chance)
        elif isinstance(value, tuple) and any(map(is_dataclass, value)):
            changes[field.name] = tuple(shaken(part, chance) for part in value)
        elif field.name in ("carry", "classes", "n_random"):
            continue  # the first stage has nothing to carry; the others are bound by numbers of qubits
        elif field.name == "timesteps" and len(getattr(node, "strength", ())) > 2:
            continue  # every layer has a strength of its own
        elif isinstance(value, int) and chance.random() < 0.5:
            more = 100 if field.name == "count" else 2  # an evaluation takes no fewer
            changes[field.name] = not value if isinstance(value, bool) else value + more
    return replace(node, **changes)


@pytest.mark.parametrize("seed", range(20))
def test_flags_of_random_kinds_make_that_experiment(seed: int) -> None:
    chance = random.Random(seed)
    name = chance.choice(list(PRESETS))
    before = get_preset(name).build()
    one, other = switched(before, chance), switched(before, chance)
    for old, new in ((before, one), (one, other), (other, before)):
        assert override(old, differences(old, new) or [], PROG) == new


def test_what_was_chosen_anew_is_told_by_its_kind_first() -> None:
    before = Experiment("x")
    after = replace(before, model=MLPConfig(width=64), stages=(Stage(objective=DenoiseConfig(p2_gamma=0.0)),))
    flags = differences(before, after)
    assert flags == ["--model.kind", "mlp", "--model.width", "64", "--stages.0.objective.p2-gamma", "0.0"]


def test_help_shows_the_fields_of_the_kinds_that_were_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "quickstart", "--stages.0.optimiser.kind", "adamw", "--help"]) == 0
    assert "--stages.0.optimiser.weight-decay" in capsys.readouterr().out
    assert main(["train", "quickstart", "--help"]) == 0
    assert "weight-decay" not in capsys.readouterr().out
