"""Functions written by MATLAB's genFunction: `reader` is the dialect; statements are followed, never run."""
