"""De Falco et al. 2024 on MNIST and on Fashion-MNIST."""

from qdiffusion.studies.published import DE_FALCO_FASHION, DE_FALCO_MNIST
from qdiffusion.studies.spec import Claim, Column, Moment, Published, StudySpec

_COLUMNS = (
    Column("classical", "Classical", "U-Net without circuits"),
    Column("twin-1hq", "Twin of 1HQ", "classical, as many parameters as 1HQ"),
    Column("1hq", "1HQ", "10 % of the vertex by circuits, HQConv"),
    Column("1fq", "1FQ", "10 % of the vertex by circuits, FQConv"),
    Column("7hq", "7HQ", "half of the vertex, HQConv"),
    Column("7fq", "7FQ", "half of the vertex, FQConv"),
    Column("full-hq", "Full HQ", "the whole vertex, HQConv"),
    Column("full-fq", "Full FQ", "the whole vertex, FQConv"),
    Column("quanv-hq", "Quanv HQ", "10 % of the vertex and the encoder's second level, HQConv"),
    Column("quanv-fq", "Quanv FQ", "10 % of the vertex and the encoder's second level, FQConv"),
    Column("transfer-1fq", "Transfer to 1FQ", "classical first, then 1FQ with a new vertex"),
    Column("transfer-classical", "Transfer to classical", "classical first, then classical with a new vertex"),
)
_HYBRIDS = ("1hq", "1fq", "7hq", "7fq", "full-hq", "full-fq", "quanv-hq", "quanv-fq")
_QUANVOLUTIONAL = ("quanv-hq", "quanv-fq")
_CLASSICAL = ("classical",)
_FIRST, _MIDDLE = 0, 1
_MOMENTS = (
    Moment(1 / 20, "1/20 of the training"),
    Moment(1 / 2, "half of the training"),
    Moment(1, "all of the training"),
)

_CLAIMS = (
    Claim("Hybrid nets learn faster: they are ahead at the beginning.", _HYBRIDS, _CLASSICAL, _FIRST),
    Claim("Hybrid nets learn faster: they are ahead halfway.", _HYBRIDS, _CLASSICAL, _MIDDLE),
    Claim(
        "Fewer parameters do as well in the end, within 5 % of the classical score.", _HYBRIDS, _CLASSICAL, margin=0.05
    ),
    Claim("Half of the vertex is the best share of circuits.", ("7hq",), ("1hq", "full-hq")),
    Claim("A classical net does better with circuits put in for the last epochs.", ("transfer-1fq",), _CLASSICAL),
    Claim(
        "It is the circuits, not the new vertex, that the transfer gains by.",
        ("transfer-1fq",),
        ("transfer-classical",),
    ),
)
_CONTROLS = tuple(
    Claim(f"The circuits do it, not the smaller net: {when}.", ("1hq",), ("twin-1hq",), moment, control=True)
    for moment, when in ((_FIRST, "at the beginning"), (-1, "in the end"))
)


def _study(name: str, title: str, own: tuple[Claim, ...], published: Published) -> StudySpec:
    return StudySpec(name, title, _COLUMNS, _MOMENTS, (*_CLAIMS, *own, *_CONTROLS), (published,))


MNIST = _study(
    "de-falco-mnist",
    "De Falco et al. 2024 on MNIST",
    (Claim("With half of the vertex, a hybrid is better than the classical net in the end.", ("7hq",), _CLASSICAL),),
    DE_FALCO_MNIST,
)
FASHION = _study(
    "de-falco-fashion",
    "De Falco et al. 2024 on Fashion-MNIST",
    (
        Claim(
            "With circuits in the encoder too, a hybrid is better than the classical net in the end.",
            _QUANVOLUTIONAL,
            _CLASSICAL,
        ),
    ),
    DE_FALCO_FASHION,
)
