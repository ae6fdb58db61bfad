"""What lines are told apart by: Okabe and Ito's colours, distinct in every common colour blindness, and markers.

Yellow, too pale for lines, is darker.
"""

BLACK, ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE, YELLOW = COLOURS = (
    "#000000",
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#0072b2",
    "#d55e00",
    "#cc79a7",
    "#b0a000",
)

MARKERS = "osD^vP*X"
