"""Okabe and Ito's colours, told apart in every common colour blindness; yellow, too pale for lines, is darker."""

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
