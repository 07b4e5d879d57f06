"""The flags that several commands share, each listed once: global ones, a fleet's, a mesh's."""
