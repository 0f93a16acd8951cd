"""Functions written by MATLAB's genFunction: `reader` is the dialect; the text is followed statement by statement,
never run.
"""
