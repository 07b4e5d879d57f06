"""One page in HTML that shows results: the report of a run, or several runs laid over each other.

`page` puts it together from the results, from `charts`, which lists the charts, and from the assets
in this folder, which `assets` reads. Everything is in the one file: styles, scripts and figures; it
asks no other host for anything, and runs no script but its own. The page of a run that goes on is
the same file without figures: its script fetches them from the run, again and again.

The scripts are in `script`, and are joined in the order that `assets` lists. They write all
text as text, never as HTML, so that no name can become part of the page. Without the extra
``report``, which brings uPlot, the page has tables in place of charts.
"""

from __future__ import annotations
