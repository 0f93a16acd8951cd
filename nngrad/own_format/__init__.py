"""The plain format of nngrad itself: a network as structs or groups, in .mat, HDF5 and Octave files."""
