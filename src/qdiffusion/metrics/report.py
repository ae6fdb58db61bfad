"""The scores of one evaluation, as numbers for `metrics.json` and as text."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scores:
    """FID, KID and IS with everything needed to read them; dimensionless.

    `is_mean` and `is_std` are None where the network does not classify. `floor_fid` and `floor_kid` compare two
    disjoint halves of the reference: no sampler is expected to come out below them at that count.
    """

    features: str
    num_features: int
    reference: str
    n_samples: int
    n_reference: int
    fid: float
    kid_mean: float
    kid_std: float
    kid_subset_size: int
    is_mean: float | None
    is_std: float | None
    is_splits: int
    floor_fid: float
    floor_kid: float

    @property
    def n_floor(self) -> int:
        """The images in each half of the reference."""
        return self.n_reference // 2

    @property
    def fid_rank_deficient(self) -> bool:
        """Whether a covariance of the FID is singular, N ≤ D: such a value compares only with others of its N."""
        return min(self.n_samples, self.n_reference) <= self.num_features

    def to_dict(self) -> dict[str, float | int | str | bool | None]:
        """Return the numbers under names that carry the network, `fid-mnist-cnn`, ready for JSON."""
        network = self.features
        return {
            f"fid-{network}": self.fid,
            f"kid-{network}": self.kid_mean,
            f"kid-{network}-std": self.kid_std,
            f"is-{network}": self.is_mean,
            f"is-{network}-std": self.is_std,
            f"floor-fid-{network}": self.floor_fid,
            f"floor-kid-{network}": self.floor_kid,
            "features": network,
            "num_features": self.num_features,
            "reference": self.reference,
            "n_samples": self.n_samples,
            "n_reference": self.n_reference,
            "n_floor": self.n_floor,
            "kid_subset_size": self.kid_subset_size,
            "is_splits": self.is_splits,
            "fid_rank_deficient": self.fid_rank_deficient,
        }

    def table(self) -> str:
        """Return the scores as text, each beside its floor, with counts, network and reference below."""
        rows = [
            ("score", "value", "floor"),
            (f"fid-{self.features}", f"{self.fid:.3f}", f"{self.floor_fid:.3f}"),
            (f"kid-{self.features}", f"{self.kid_mean:.5f} ± {self.kid_std:.5f}", f"{self.floor_kid:.5f}"),
        ]
        if self.is_mean is not None:
            rows.append((f"is-{self.features}", f"{self.is_mean:.3f} ± {self.is_std:.3f}", "-"))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        return "\n".join([*(line.rstrip() for line in lines), *self._notes()])

    def __str__(self) -> str:
        return self.table()

    def _notes(self) -> list[str]:
        parts = "" if self.is_mean is None else f", IS in {self.is_splits} parts"
        notes = [
            f"{self.n_samples:,} samples against {self.n_reference:,} reference images: {self.reference}",
            f"feature network {self.features} ({self.num_features} features); "
            f"KID in subsets of {self.kid_subset_size}{parts}",
            f"floor: real against real, {self.n_floor:,} against {self.n_floor:,} (half the available count)",
        ]
        if self.fid_rank_deficient:
            notes.append(
                f"the FID has a singular covariance ({self.num_features} features need more images than that): "
                "compare it only with others of the same count"
            )
        return notes
