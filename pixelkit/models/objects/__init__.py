"""Objects of a video: seen, linked, measured, and cut out; for the scorer ``motion`` and for yours."""
