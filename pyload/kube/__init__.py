"""The Kubernetes API server: requests, watches, objects, credentials, and the fake kubelet.

What a mesh consists of and when it is written is the business of `pyload.mesh`.
"""
