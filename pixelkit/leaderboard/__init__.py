"""The leaderboard CSV: written, checked, read back."""
