"""Tuning: the search for the best recipe, on stored scores."""
