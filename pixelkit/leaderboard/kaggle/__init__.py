"""Kaggle through its official package, which is optional and imported only when something is asked of it.

The package can report success for a failure, waits for ever, and prints what it should raise. So every call has a time
limit, every failure becomes one line that says what to do, and an upload counts only when it is found on the server.
"""
