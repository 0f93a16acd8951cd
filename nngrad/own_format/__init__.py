"""The plain format of nngrad itself: a description of a network as structs or groups, in .mat, HDF5 and Octave
files.
"""
