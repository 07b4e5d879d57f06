"""``pyload impersonate``: runs the proxies of a cluster's pods, for as long as the pods live.

The pods are followed by `pyload.pods`; `replicas` multiplies each of their proxies.
"""
