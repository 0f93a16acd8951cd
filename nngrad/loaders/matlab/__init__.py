"""MATLAB's own objects: shallow networks, networks of layers, models of the statistics toolbox."""
