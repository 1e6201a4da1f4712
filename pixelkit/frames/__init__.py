"""From files to arrays: layouts, labels, videos, one decode pass, its cache, repair, demo data, corruption."""
