"""The client, the reflector and the kubelet against the embedded API server."""
