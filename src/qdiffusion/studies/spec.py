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
class Reference:
    """A row of the table that nobody trains for: what stands beside the scores of cells."""

    key: str
    """What claims call it."""
    label: str
    """What readers read."""
    beside: str
    """Its name beside a score: "identity"; "floor": what real images score."""
    columns: tuple[str, ...] = ()
    """Whose cells say it; none: all of the study's."""
    drawn: bool = False
    """Whether it is a line in the figure."""


REAL = Reference("real", "Real images", "floor")


@dataclass(frozen=True)
class Claim:
    """What a paper says of its scores: each of `columns` is better than each of `baselines`, or not worse than it.

    With a margin m the claim is the weaker one: not worse than the baseline by more than m times the baseline's mean.
    """

    text: str
    columns: tuple[str, ...]
    """Keys of columns or references."""
    baselines: tuple[str | float, ...]
    """The same, or numbers: those that a paper prints, or that are aimed at."""
    moment: int = -1
    """Index into the study's moments."""
    scores: tuple[str, ...] = ("fid",)
    """By which of them, each by itself; without the feature network's name."""
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
    epoch: int | None
    """None: when it was trained; steps are counted another way."""
    score: str
    """Without the feature network's name."""
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
class Sweep:
    """Columns that differ in one number, drawn against it by the study's first score at the end of the training."""

    label: str
    points: tuple[tuple[float, str], ...]
    """The number, and the column's key."""
    panel: str = ""
    """What it shares with the sweeps that are drawn beside it; others have axes of their own."""


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
    scores: tuple[str, ...] = ("fid", "kid", "is")
    """Shown at every moment, without the feature network's name; the first is drawn along the training. At the end all
    others of the network follow."""
    last: tuple[str, ...] = ()
    """Further ones, not of the network, shown at the end."""
    references: tuple[Reference, ...] = (REAL,)
    """Rows below the columns."""
    reading: tuple[str, ...] = ()
    """Sentences on how its scores are read."""
    forward: bool = False
    """Whether a strip of the forward process is kept of each cell and shown."""
    sweeps: tuple[Sweep, ...] = ()
    """Lines of one figure."""
    swept: str = ""
    """What the sweeps' number is."""

    def __post_init__(self) -> None:
        keys = [column.key for column in self.columns]
        rows = [*keys, *(reference.key for reference in self.references)]
        shares = [moment.share for moment in self.moments]
        require(len(set(keys)) == len(keys) > 0, "columns", keys, "at least one, each with a key of its own")
        require(shares == sorted(set(shares)) and shares[-1:] == [1], "moments", shares, "increasing, up to 1")
        named = {key for claim in self.claims for key in (*claim.columns, *claim.baselines) if isinstance(key, str)}
        require(len(set(rows)) == len(rows), "references", rows, "keys that no column and no other reference has")
        require(named <= set(rows), "claims", sorted(named - set(rows)), "about columns and references of the study")
        said = {key for reference in self.references for key in reference.columns}
        require(said <= set(keys), "references", sorted(said - set(keys)), "of columns of the study")
        swept = {key for sweep in self.sweeps for _, key in sweep.points}
        require(swept <= set(keys), "sweeps", sorted(swept - set(keys)), "of columns of the study")
        reachable = range(-len(shares), len(shares))
        require(
            all(claim.moment in reachable for claim in self.claims), "claims", self.name, "at a moment of the study"
        )

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns' keys, in order."""
        return tuple(column.key for column in self.columns)

    def label(self, key: str | float) -> str:
        """The label of a column or of a reference, or a number."""
        if isinstance(key, float):
            return f"{key:g}"
        rows: tuple[Column | Reference, ...] = (*self.columns, *self.references)
        return next(row.label for row in rows if row.key == key)
