"""``pyload startup``: measures how long pods take to become ready.

`pod_spec` parses the pod to start, `pod_times` derives the moments of its stages from a watch, and
`command` starts one pod after another.
"""
