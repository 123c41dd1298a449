"""Suites for those who write a model of their own: inherit, say how to make one, run pytest.

Shipped with the package; needs pytest, which the package itself does not.
"""
