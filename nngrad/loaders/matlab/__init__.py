"""MATLAB's own objects: shallow networks, networks of layers, and models of the Statistics and Machine Learning
Toolbox.
"""
