"""A folder with all that a machine without internet needs: wheels, weights, plugins, fitted scorers, a notebook."""
