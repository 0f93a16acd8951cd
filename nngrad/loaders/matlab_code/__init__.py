"""MATLAB source taken apart into tokens, expressions and statements: what generated functions and function handles are
read with.
"""
