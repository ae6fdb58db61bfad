from .ansatze import ANSATZE, AnsatzScore, AnsatzStudy, study_ansatze
from .chainpage import write_chain_study
from .chainstudy import ChainStudy, Moment, study_chain
from .encodings import EncodingCost, encoding_costs
from .expressibility import Expressibility, divergence_floor, expressibility
from .gradients import LANDSCAPES, Landscape, Steepness, study_gradients
from .pages import write_ansatz_study, write_encoding_costs
from .portraits import Portrait, portrait, portraits
from .recovery import Overlap, Restored, Snapshot, restored
from .runpage import write_run_study
from .runstudy import RunStudy, study_run
from .scrambling import ScramblingCurve, ScramblingStudy, study_scrambling
from .scramblingpage import write_gradient_study, write_scrambling_study

__all__ = [
    "ANSATZE",
    "LANDSCAPES",
    "AnsatzScore",
    "AnsatzStudy",
    "ChainStudy",
    "EncodingCost",
    "Expressibility",
    "Landscape",
    "Moment",
    "Overlap",
    "Portrait",
    "Restored",
    "RunStudy",
    "ScramblingCurve",
    "ScramblingStudy",
    "Snapshot",
    "Steepness",
    "divergence_floor",
    "encoding_costs",
    "expressibility",
    "portrait",
    "portraits",
    "restored",
    "study_ansatze",
    "study_chain",
    "study_gradients",
    "study_run",
    "study_scrambling",
    "write_ansatz_study",
    "write_chain_study",
    "write_encoding_costs",
    "write_gradient_study",
    "write_run_study",
    "write_scrambling_study",
]
