"""Pages: self-contained HTML pages and figures, all in one look.

Reads    plain numbers and words
Writes   strings: SVG pictures and HTML pages that need nothing from outside
Imports  errors; never lake or engines

The same input gives the same bytes. Colours follow the reader's light or dark mode.
"""

from recomart.pages.distributions import histogram, ranked_curve
from recomart.pages.figures import bars, columns, funnel, heatmap, intervals, lines
from recomart.pages.flow import Box, flow
from recomart.pages.page import Page

__all__ = [
    "Box",
    "Page",
    "bars",
    "columns",
    "flow",
    "funnel",
    "heatmap",
    "histogram",
    "intervals",
    "lines",
    "ranked_curve",
]
