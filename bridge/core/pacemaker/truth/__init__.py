"""What the cluster says of itself, believed: it ends what ended unseen, and tells what no alert tells.

A picture speaks of the moment in which the look at it began, and only when its content changed: until the next one it is still
so.
"""
