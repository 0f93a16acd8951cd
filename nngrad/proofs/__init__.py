"""Proof that outputs and derivatives are right: against a second set of definitions, and against recorded numbers."""
