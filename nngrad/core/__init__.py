"""The mathematics: layer kinds, networks of them, and their derivatives."""
