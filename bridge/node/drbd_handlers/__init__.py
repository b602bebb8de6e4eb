"""Reading and editing DRBD's configuration, so that its handlers tell us. Imported by nobody but the command `setup drbd`."""
