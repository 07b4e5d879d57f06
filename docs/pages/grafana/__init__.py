"""The dashboard of ``docs/deploy/grafana``.

Side by side, the left half shows what pyload saw and the right half what istiod says of itself. A
module holds the panels below a heading as plain data (``panels``) with their queries (``queries``);
``dashboard`` alone knows Grafana's own form, and lays them out.
"""
