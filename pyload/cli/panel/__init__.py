"""A run on a terminal: a panel in place of a wall of log lines, and keys to steer it.

`pyload.report.frame` decides what a panel shows, and `layout` how that looks at some width.
`screen` decides which bytes bring it onto a terminal, and `terminal` owns that terminal: its modes,
its signals, its keys. `lines` keeps log lines, and passes those that matter above the panel.
`panel` holds these together: four times a second it makes a frame of the run and shows it.
"""
