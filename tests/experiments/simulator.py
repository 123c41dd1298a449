"""A shop window with known truth: contexts, items, a policy that drew them, what another earns."""

import numpy as np


class Window:
    """Visitors of a few kinds see one of a few items; each pair has its own click rate."""

    def __init__(self, rng, n_kinds=4, n_items=6):
        self.rng = rng
        self.rates = rng.beta(1.5, 6, (n_kinds, n_items))
        self.logging = rng.dirichlet(np.full(n_items, 2.0), n_kinds) * 0.7 + 0.3 / n_items
        self.policy = rng.dirichlet(np.full(n_items, 0.7), n_kinds)

    @property
    def truth(self):
        """What the policy earns a round, were it shown."""
        return float((self.policy * self.rates).sum(axis=1).mean())

    @property
    def logged(self):
        """What the logging policy earns a round."""
        return float((self.logging * self.rates).sum(axis=1).mean())

    def rounds(self, n):
        """Draw rounds: kinds, items, rewards."""
        kinds = self.rng.integers(0, len(self.rates), n)
        u = self.rng.random(n)[:, None]
        items = (self.logging.cumsum(axis=1)[kinds] < u).sum(axis=1).clip(0, len(self.rates[0]) - 1)
        rewards = (self.rng.random(n) < self.rates[kinds, items]).astype(np.float64)
        return kinds, items, rewards
