"""Who a request is from, and what they may do.

Users come from tokens and from impersonation. What roles allow is answered to those who ask, by the
reviews of Kubernetes; requests themselves are refused to nobody who is known.
"""
