"""From raw scores to one number per frame: table, normalise, smooth, fuse, measure."""
