"""The studies by name."""

from functools import partial

from qdiffusion.errors import UsageError
from qdiffusion.studies.budget import Budget
from qdiffusion.studies.cacioppo import CACIOPPO
from qdiffusion.studies.capece import CAPECE
from qdiffusion.studies.de_falco import FASHION, MNIST
from qdiffusion.studies.qamp import QAMP
from qdiffusion.studies.quddpm import MSQUDDPM, QUDDPM
from qdiffusion.studies.research_log import RESEARCH
from qdiffusion.studies.study import Study
from qdiffusion.studies.trainings import capece_cell, de_falco_cell

STUDIES = {
    study.spec.name: study
    for study in (
        Study(MNIST, Budget(), partial(de_falco_cell, "mnist")),
        Study(FASHION, Budget(), partial(de_falco_cell, "fashion-mnist")),
        Study(CAPECE, Budget(batch_size=64), partial(capece_cell, "mnist")),
        QAMP,
        CACIOPPO,
        RESEARCH,
        QUDDPM,
        MSQUDDPM,
    )
}


def get_study(name: str) -> Study:
    """The study of that name.

    Raises:
        UsageError: there is none; the sentence lists all of them.
    """
    if name not in STUDIES:
        raise UsageError(f"There is no study {name!r}; there are {', '.join(STUDIES)}.")
    return STUDIES[name]
