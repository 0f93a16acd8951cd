"""Hostile files: mutations of the sample models and of synthetic files, loaded in processes with
bounded memory and time.
"""
