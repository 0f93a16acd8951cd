"""MATLAB source taken apart into tokens, expressions and statements, for generated functions and function handles."""
