"""Networks of MATLAB's Deep Learning Toolbox: `reader` is the dialect of whole networks, `alone` that of a bare array
of layers.
"""
