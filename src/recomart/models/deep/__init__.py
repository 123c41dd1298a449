"""Models that are fitted by PyTorch, and answer without it.

`fit` needs the extra `deep`; what was learned are arrays, from which NumPy recommends.
"""
