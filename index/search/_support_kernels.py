"""Inner loop of `support`: no validation, no allocation. Its slow twin stands in `tests/naive.py`."""

import numpy as np
from numba import njit

__all__ = ["likeliest_states"]


@njit(cache=True, nogil=True)
def likeliest_states(met, weights, rates, on_costs, off_costs, level_cost, totals, came_from, states):
    """Find the likeliest states of a sequence of landmarks, each met or not (Viterbi, 1967).

    In state s a landmark is met with probability `rates[s]`; state 0 is off. What a landmark that is not met says
    counts `weights[i]` times. Going from off to any other state before landmark i costs `on_costs[i]`, back
    `off_costs[i]`, from one of the others to another `level_cost`. `totals` [shape=(2, n_states)] and `came_from`
    [shape=(n, n_states)] are scratch; writes `states`.
    """
    n = met.shape[0]
    n_states = rates.shape[0]
    totals[:] = 0.0
    for i in range(n):
        now = i % 2
        for s in range(n_states):
            best = totals[1 - now, s]
            came_from[i, s] = s
            for other in range(n_states):
                if other == s or i == 0:
                    continue
                cost = level_cost
                if other == 0:
                    cost = on_costs[i]
                elif s == 0:
                    cost = off_costs[i]
                if totals[1 - now, other] - cost > best:
                    best = totals[1 - now, other] - cost
                    came_from[i, s] = other
            totals[now, s] = best + (np.log(rates[s]) if met[i] else weights[i] * np.log(1.0 - rates[s]))
    if n == 0:
        return
    state = 0
    for s in range(1, n_states):
        if totals[(n - 1) % 2, s] > totals[(n - 1) % 2, state]:
            state = s
    for i in range(n - 1, -1, -1):
        states[i] = state
        state = came_from[i, state]
