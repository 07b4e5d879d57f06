"""Go's package time: points in time, zones, layouts like ``2006-01-02``, and spans.

Pure: what time it is, and where, comes in as an argument. The template functions are in
`sprig.dates`.
"""
