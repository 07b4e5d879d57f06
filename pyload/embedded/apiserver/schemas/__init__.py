"""The schemas of kinds: what an object may hold, and how that is shown and checked.

Structural schemas are those of definitions; built-in kinds have the fields of their protobuf
messages. Both are described as OpenAPI.
"""
