"""Models saved by Keras 2 and 3: `reader` is the dialect, `config` and `weights` read the file, `layers` computes."""
