"""The client against a server that is not ours."""
