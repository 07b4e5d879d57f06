"""Go's package time: points in time, zones, layouts like ``2006-01-02``, and spans.

The current time and the local zone are arguments. The template functions are in
`sprig.dates`.
"""
