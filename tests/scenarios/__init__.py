"""The program as a user runs it: whole commands, in processes of their own.

Here are the stories that belong to no module: what is typed, what is printed, exit codes, signals
and closed streams. How a module reads its flags is tested beside the others, in `tests.cli`.
"""
