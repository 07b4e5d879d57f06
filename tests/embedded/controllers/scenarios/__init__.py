"""Controllers together, when something goes wrong or changes all the time."""
