"""What a study is: the columns of a paper's table, when they are scored, what the paper claims and printed."""

from dataclasses import dataclass

from qdiffusion.errors import require


@dataclass(frozen=True)
class Column:
    """One column of a paper's table: a network, and how it is trained."""

    key: str
    """What files and records call it: "1hq"."""
    label: str
    """What readers read: "1HQ"."""
    note: str
    """What is trained, in a few words."""


@dataclass(frozen=True)
class Moment:
    """A part of the training after which a column is scored."""

    share: float
    """Of all passes over the training images, in (0, 1]."""
    label: str

    def __post_init__(self) -> None:
        require(0 < self.share <= 1, "share", self.share, "above 0 and at most 1")


@dataclass(frozen=True)
class Claim:
    """What a paper says of its scores: each of `columns` is better than each of `baselines`, or not worse than it.

    With a margin m the claim is the weaker one: not worse than the baseline by more than m times the baseline's mean.
    """

    text: str
    columns: tuple[str, ...]
    baselines: tuple[str, ...]
    moment: int = -1
    """Index into the study's moments."""
    score: str = "fid"
    """Without the feature network's name."""
    margin: float | None = None
    """Share of the baseline's mean; None: better."""
    control: bool = False
    """A comparison that the paper lacks."""

    def __post_init__(self) -> None:
        require(self.margin is None or self.margin > 0, "margin", self.margin, "above 0, or None")


@dataclass(frozen=True)
class PublishedScore:
    """A score as a paper prints it."""

    column: str
    epoch: int
    score: str
    """fid, kid or is."""
    value: float
    std: float | None = None
    """What stands behind ±."""


@dataclass(frozen=True)
class Published:
    """Scores that the paper prints for one data set, and how to read them."""

    source: str
    scores: tuple[PublishedScore, ...]
    parameters: dict[str, int]
    """By column, as printed."""
    notes: tuple[str, ...]
    """Sentences: what the scores were measured on, and where the paper contradicts itself."""


@dataclass(frozen=True)
class StudySpec:
    """A paper's table, done again."""

    name: str
    title: str
    columns: tuple[Column, ...]
    moments: tuple[Moment, ...]
    """In order; the last is the end of the training."""
    claims: tuple[Claim, ...]
    published: tuple[Published, ...]

    def __post_init__(self) -> None:
        keys = [column.key for column in self.columns]
        shares = [moment.share for moment in self.moments]
        require(len(set(keys)) == len(keys) > 0, "columns", keys, "at least one, each with a key of its own")
        require(shares == sorted(set(shares)) and shares[-1:] == [1], "moments", shares, "increasing, up to 1")
        named = {key for claim in self.claims for key in (*claim.columns, *claim.baselines)}
        require(named <= set(keys), "claims", sorted(named - set(keys)), "about columns of the study")
        reachable = range(-len(shares), len(shares))
        require(
            all(claim.moment in reachable for claim in self.claims), "claims", self.name, "at a moment of the study"
        )

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns' keys, in order."""
        return tuple(column.key for column in self.columns)

    def label(self, key: str) -> str:
        """The label of a column."""
        return next(column.label for column in self.columns if column.key == key)
