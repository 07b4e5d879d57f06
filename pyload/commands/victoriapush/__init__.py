"""``pyload victoriapush``: sends measurements from standard input to VictoriaLogs.

`json_line` turns lines of input into records and batches; `command` reads and posts them.
"""
