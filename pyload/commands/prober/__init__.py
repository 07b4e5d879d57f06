"""``pyload prober``: measures how long a new route takes until a gateway serves it.

`probes` builds the routes and the lines about them, `gateway` finds the gateway and asks it, and
`command` adds one route after another.
"""
