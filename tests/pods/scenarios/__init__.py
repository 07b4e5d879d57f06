"""Stories of pods that were recorded."""
