"""The NumPy network: layers describe a graph, the graph is compiled to a plan, the plan is run.

    layers ──► graph of nodes ──► plan: two flat lists of calls on preallocated buffers
                    └───────────► prediction: a pure function of (θ, rows)

Internally, activations are feature-major, `(units + 1, B)` with a last row of ones. The public
interface is row-major, `(B, features)`. B is the batch size.
"""

__all__ = [
    "activations",
    "autograd",
    "config",
    "execution",
    "graph",
    "initializers",
    "layers",
    "losses",
    "monotone",
    "network",
    "ops",
    "parameters",
    "tasks",
    "validation",
]
