"""One incident as a page, a drawing and a file to hand on; and the list in which it is found."""
