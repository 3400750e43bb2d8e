"""The NumPy network: layers describe, a graph is compiled to a plan, the plan is run.

    layers ──► graph of nodes ──► plan: two flat lists of calls over buffers made beforehand
                    └───────────► predict: a pure function of (θ, rows)

Inside, activations are feature-major, (units + 1, B) with a last row of ones; the public
interface is row-major, (B, features).
"""
