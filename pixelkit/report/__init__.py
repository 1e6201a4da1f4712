"""The page that shows a run: one HTML file that needs nothing else, or the same page served with every frame."""
