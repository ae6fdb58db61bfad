"""Capece 2025: a larger net trained from scratch, and a trained one whose circuits alone are tuned."""

from qdiffusion.studies.published import CAPECE_FASHION, CAPECE_MNIST
from qdiffusion.studies.spec import Claim, Column, Moment, StudySpec

_FINE_TUNED = ("finetune-hq", "finetune-fq")

CAPECE = StudySpec(
    name="capece",
    title="Capece 2025",
    columns=(
        Column("classical", "Classical", "U-Net without circuits"),
        Column("hq", "HQ", "10 % of the vertex by circuits, HQConv, from scratch"),
        Column("fq", "FQ", "10 % of the vertex by circuits, FQConv, from scratch"),
        Column("finetune-hq", "Tuned HQ", "the classical net, then HQConv circuits in it, trained alone"),
        Column("finetune-fq", "Tuned FQ", "the classical net, then FQConv circuits in it, trained alone"),
        Column("finetune-twin", "Tuned twin", "the classical net, then classical layers in place of the circuits"),
    ),
    moments=(Moment(1 / 2, "half of the training"), Moment(1, "all of the training")),
    claims=(
        Claim(
            "Circuits in 10 % of the vertex, trained from scratch, are worse than none.", ("classical",), ("hq", "fq")
        ),
        Claim(
            "They are only slightly worse: within 5 % of the classical score.",
            ("hq", "fq"),
            ("classical",),
            margin=0.05,
        ),
        Claim("Tuning the circuits alone improves a trained net.", _FINE_TUNED, ("classical",)),
        Claim("The circuits do it, not the further training.", _FINE_TUNED, ("finetune-twin",), control=True),
    ),
    published=(CAPECE_FASHION, CAPECE_MNIST),
)
