"""The scores that the papers print. Numbers only; what they can be compared with stands beside them.

De Falco et al., "Quantum Hybrid Diffusion Models for Image Synthesis", KI 38 (2024), figures 10-14 and table 2; a score
that stands in several of these is given once. Capece, "Quantum Hybrid Diffusion Models", report, 2025, tables 1 and 2.
"""

from qdiffusion.studies.spec import Published, PublishedScore

_Printed = tuple[float, float | None]
_Cell = tuple[str, int, float, _Printed | None, _Printed | None]
"""Column, epoch, FID, KID and IS with what stands behind ±."""


def _scores(*cells: _Cell) -> tuple[PublishedScore, ...]:
    return tuple(
        PublishedScore(column, epoch, name, *printed)
        for column, epoch, fid, kid, inception in cells
        for name, printed in (("fid", (fid, None)), ("kid", kid), ("is", inception))
        if printed is not None
    )


_DE_FALCO_PARAMETERS = {
    "classical": 483321,
    "1hq": 475329,
    "7hq": 440985,
    "full-hq": 429993,
    "quanv-hq": 474293,
}
_DE_FALCO_MEASURED = (
    "Not comparable in size with the scores above: these were measured in the features of InceptionV3, on 7,000 "
    "images, after up to 20 epochs on 60,000 training images. The ± of KID and IS is a spread over parts of the "
    "images; none over trainings is given. Only the order of the columns can be compared."
)
_DE_FALCO_SLIPS = (
    "The encoder's circuits: the paper prints 474,293 parameters and 20 channels at that level; the authors' "
    "program has 10 channels and 473,817 parameters (HQ). The printed number cannot be reproduced from what is "
    "published.",
    "The basic circuit of the 40th channel has 4 layers in the program; 3, which the paper says of every circuit, "
    "would make 429,977 parameters of Full HQ instead of the paper's own 429,993.",
)

DE_FALCO_MNIST = Published(
    source="De Falco et al. 2024, figures 12 and 13, table 2 and text",
    scores=_scores(
        ("classical", 1, 311.0582, (0.4144, 0.0029), (1.4936, 0.0142)),
        ("full-hq", 1, 299.7292, (0.3974, 0.0028), (1.5930, 0.0239)),
        ("classical", 20, 45.2762, (0.0558, 0.0014), (1.9152, 0.0355)),
        ("1hq", 20, 45.3710, (0.0556, 0.0015), (1.9090, 0.0325)),
        ("7hq", 20, 43.0731, (0.0523, 0.0015), (1.9256, 0.0205)),
        ("full-hq", 20, 45.6503, (0.0559, 0.0015), (1.9053, 0.0283)),
        ("quanv-hq", 20, 44.5144, (0.0545, 0.0015), (1.9284, 0.0425)),
        ("transfer-1fq", 20, 41.6646, (0.0493, 0.0013), (1.9556, 0.0335)),
        ("transfer-classical", 20, 48.9228, (0.0600, 0.0014), (1.9094, 0.0241)),
    ),
    parameters={**_DE_FALCO_PARAMETERS, "transfer-1fq": 483321},
    notes=(
        _DE_FALCO_MEASURED,
        "The transfer column of table 2 prints the classical net's 483,321 parameters; the hybrid that is sampled, "
        "1FQ, has 475,281.",
        *_DE_FALCO_SLIPS,
        "Transfer: 19 epochs of the classical net, then 1 of the net named.",
    ),
)

DE_FALCO_FASHION = Published(
    source="De Falco et al. 2024, figures 10, 11 and 14 and text",
    scores=_scores(
        ("classical", 1, 296.869, (0.3656, 0.0024), (1.4164, 0.0122)),
        ("1hq", 1, 295.9013, (0.3646, 0.0023), (1.4389, 0.0119)),
        ("7hq", 1, 295.7298, (0.3647, 0.0026), (1.4273, 0.0142)),
        ("full-hq", 1, 295.7863, (0.3692, 0.0025), (1.4454, 0.0057)),
        ("quanv-hq", 1, 285.1551, None, None),
        ("classical", 10, 60.1476, (0.0489, 0.0013), (3.8841, 0.1174)),
        ("1hq", 10, 52.5332, (0.0411, 0.0010), (3.8667, 0.1065)),
        ("7hq", 10, 53.9605, (0.0420, 0.0011), (3.7905, 0.1323)),
        ("full-hq", 10, 56.4960, (0.0433, 0.0010), (3.8691, 0.0580)),
        ("classical", 20, 39.4563, (0.0275, 0.0008), (3.9783, 0.0777)),
        ("1hq", 20, 39.9935, (0.0278, 0.0008), (3.9787, 0.0550)),
        ("7hq", 20, 40.3685, (0.0281, 0.0009), (3.8158, 0.1360)),
        ("full-hq", 20, 41.3882, (0.0294, 0.0009), (3.8019, 0.0744)),
        ("quanv-hq", 20, 38.80, (0.0269, 0.0007), None),
        ("transfer-1fq", 20, 38.6835, (0.0261, 0.0007), (4.0527, 0.0890)),
        ("transfer-classical", 20, 40.6769, (0.0273, 0.0008), (4.0764, 0.0945)),
    ),
    parameters=_DE_FALCO_PARAMETERS,
    notes=(
        _DE_FALCO_MEASURED,
        "The classical net's IS after 20 epochs reads 3.9783 ± 0.0777 in figures 10 and 11, and 3.8076 ± 0.0741 in "
        "figure 14, with the same FID and KID.",
        *_DE_FALCO_SLIPS,
        "Transfer: 18 epochs of the classical net, then 2 of the net named.",
    ),
)

_CAPECE_MEASURED = (
    "Not comparable with anything: each score was measured on nine images, whose floats in [0, 1] were cast to "
    "bytes, so that nearly all pixels are zeros. An evaluation here refuses such input."
)
_CAPECE_GRADIENT = (
    "The text says that the circuits' gradients come from the parameter-shift rule; its two terms are wrong for "
    "controlled rotations, and the program takes them from automatic differentiation."
)

CAPECE_MNIST = Published(
    source="Capece 2025, table 1",
    scores=_scores(
        ("classical", 20, 11.1933, (0.012297, 0.000000225), None),
        ("finetune-fq", 25, 11.5164, (0.015437, 0.000000014), None),
        ("finetune-hq", 25, 10.0652, (0.013106, 0.000000112), None),
    ),
    parameters={},
    notes=(
        _CAPECE_MEASURED,
        "By FID the circuits HQ come out better than the classical net, by KID worse; the report decides by FID.",
        _CAPECE_GRADIENT,
    ),
)

CAPECE_FASHION = Published(
    source="Capece 2025, table 2",
    scores=_scores(
        ("classical", 20, 1.6832, (0.000800, 0.000000225), None),
        ("fq", 20, 1.7446, (0.000953, 0.000000195), None),
        ("hq", 20, 2.1614, (0.001732, 0.000000515), None),
    ),
    parameters={},
    notes=(_CAPECE_MEASURED, _CAPECE_GRADIENT),
)

CACIOPPO_TEXT = Published(
    source="Cacioppo et al. 2023",
    scores=(PublishedScore("latent", 2000, "fid", 38.2),),
    parameters={"full": 3000, "conditioned": 1110},
    notes=(
        "The FID is in Inception features, of a latent model; how many images it compares is not known here.",
        "3,000 angles are the authors' later program at depth 4. How 1,110 parameters of the conditioned model are "
        "shared out is not published; with 4 label qubits, 5 layers and 10 levels ours has 2,100.",
        "2,000 epochs at a rate of 5e-5, times 0.97 every ten, move an angle by about half a radian in all.",
    ),
)
QAMP_TEXT = Published(
    source="QAMP 2025, text and figure 2",
    scores=(PublishedScore("ten", 100, "infidelity", 0.25),),
    parameters={},
    notes=(
        "It is the loss of the last epoch, about 0.25; whether on two digits or on ten is not said, nor on which "
        "images. It can be compared with what leaving the states as they are gives on the same noise levels, which "
        "the paper does not print.",
        "The public program's network has 861,104 parameters, of which 48,000 are angles: a set for each noise level "
        "of each class.",
        "No other score is printed; what the paper calls sharp and blurred is judged here by a classifier and by FID.",
    ),
)
RESEARCH_LOG = Published(
    source="Research log on scrambling",
    scores=(
        *(
            PublishedScore("logged-4q", 100 * stage, "fidelity-train", value)
            for stage, value in enumerate((0.301, 0.209, 0.286, 0.205, 0.172, 0.103), start=1)
        ),
        *(
            PublishedScore("logged-4q", epoch, "fidelity-held-out", value)
            for epoch, value in ((100, 0.065), (300, 0.052), (600, 0.060))
        ),
        PublishedScore("logged-6q", 600, "fidelity-held-out", 0.020),
        PublishedScore("logged-8q", 600, "fidelity-held-out", 0.004),
        PublishedScore("logged-10q", 600, "fidelity-held-out", 0.0012),
    ),
    parameters={"logged-4q": 84, "logged-6q": 126, "logged-8q": 216},
    notes=(
        "The fidelities of 6, 8 and 10 qubits are the best of any depth; the log does not say the layers of 10, here "
        "11, nor Adam's learning rate, here 1e-3, which comes closest to its training fidelities.",
        "Held out are 50 states there, the budget's here.",
        "It reports the largest training fidelity of a stage; here it is that of the stage's end.",
    ),
)
QUDDPM_TEXT = Published(
    source="Zhang et al. 2024 (arXiv 2310.05866), figures 3 to 5 and appendix",
    scores=(
        PublishedScore("cluster1", None, "mmd", 0.0006),
        PublishedScore("cluster2", None, "fidelity-0", 0.944),
        PublishedScore("cluster2-direct", None, "fidelity-0", 0.465),
        PublishedScore("circle", None, "wasserstein", 0.0028),
        PublishedScore("noise", None, "mmd", 0.0028),
        PublishedScore("tfim", None, "magnetisation", 0.884, 0.09),
    ),
    parameters={},
    notes=(
        "Adam at 5e-4, 2,001 steps a circuit for the clusters, 5,001 for the circle, about 2,500 for the noise and "
        "3,001 for the chain; here a higher rate and fewer steps.",
        "Of the cluster of two qubits the data have a mean fidelity of .977 with |00⟩, training states .952; a quantum "
        "GAN reaches .443.",
        "Haar states lie about .094 from the circle; what noise leaves of the chain has a magnetisation of .375.",
    ),
)
MSQUDDPM_TEXT = Published(
    source="Kwun et al. 2024 (arXiv 2411.17608)",
    scores=(PublishedScore("cluster", None, "fidelity-0", 0.987),),
    parameters={},
    notes=("The exponent of the cosine schedule is not known here; 1 is taken.",),
)
