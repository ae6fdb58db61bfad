from .ansatze import ANSATZE, AnsatzScore, AnsatzStudy, study_ansatze
from .encodings import EncodingCost, encoding_costs
from .expressibility import Expressibility, divergence_floor, expressibility
from .pages import write_ansatz_study, write_encoding_costs

__all__ = [
    "ANSATZE",
    "AnsatzScore",
    "AnsatzStudy",
    "EncodingCost",
    "Expressibility",
    "divergence_floor",
    "encoding_costs",
    "expressibility",
    "study_ansatze",
    "write_ansatz_study",
    "write_encoding_costs",
]
