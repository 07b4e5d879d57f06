"""``pyload victoriapush``: sends measurements from standard input to VictoriaLogs."""
