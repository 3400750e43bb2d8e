"""The results of one phase of a load."""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Phase:
    """The results of one phase. Times are seconds since its start.

    Attributes:
        seconds: The duration.
        beginning: The length of the first part, which is left out of all results.
        sent: When each answered request was sent.
        latencies: The seconds of each response.
        statuses: The status of each response.
        offered: When each request was sent, answered or not.
        lost: The number of connections that were refused, reset, or closed without a response.
    """

    seconds: float
    beginning: float
    sent: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    offered: list[float] = field(default_factory=list)
    lost: int = 0

    def quantile(self, status: int, share: float) -> float:
        """Return a quantile of the latencies in ms.

        Args:
            status: The status of the responses.
            share: The quantile, from 0 to 1.
        """
        latencies = np.array(self.latencies)[self._with_status(status)]
        return float(np.quantile(latencies, share)) * 1e3 if len(latencies) else np.nan

    def _with_status(self, status: int) -> "np.ndarray[tuple[int], np.dtype[np.bool]]":
        counted = np.array(self.sent) >= self.beginning
        return np.asarray(counted & (np.array(self.statuses) == status))

    def per_second(self, status: int) -> float:
        """Return the responses of this status per second."""
        return int(self._with_status(status).sum()) / (self.seconds - self.beginning)

    def offered_per_second(self) -> float:
        """Return the requests sent per second."""
        counted = np.array(self.offered) >= self.beginning
        return int(counted.sum()) / (self.seconds - self.beginning)

    def failed(self) -> float:
        """Return the share of requests without a response, from 0 to 1."""
        return 1 - len(self.statuses) / len(self.offered) if self.offered else 0.0
