from .ansatze import ANSATZE, AnsatzScore, AnsatzStudy, study_ansatze
from .encodings import EncodingCost, encoding_costs
from .expressibility import Expressibility, divergence_floor, expressibility
from .pages import write_ansatz_study, write_encoding_costs
from .portraits import Portrait, portrait, portraits
from .recovery import Overlap, Restored, Snapshot, restored
from .runpage import write_run_study
from .runstudy import RunStudy, study_run

__all__ = [
    "ANSATZE",
    "AnsatzScore",
    "AnsatzStudy",
    "EncodingCost",
    "Expressibility",
    "Overlap",
    "Portrait",
    "Restored",
    "RunStudy",
    "Snapshot",
    "divergence_floor",
    "encoding_costs",
    "expressibility",
    "portrait",
    "portraits",
    "restored",
    "study_ansatze",
    "study_run",
    "write_ansatz_study",
    "write_encoding_costs",
    "write_run_study",
]
