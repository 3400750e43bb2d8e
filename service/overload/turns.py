"""Order in which the parts of large requests get a thread.

A request whose body arrives in pieces is worked on in parts, and waits for a thread before each.

- Few requests are favoured at a time, each for `TURN_SECONDS` of CPU time. They are served before
  new ones: what has begun is finished before more begins. Otherwise many requests would be begun
  under overload, and all would be late.
- New requests get `NEW_SHARE` of the time of the favoured ones, and all of it when none waits.
- The others have begun and are not favoured: huge tables, streams without an end, and requests of
  slow clients. They take turns of `FURTHER_TURN_SECONDS`. Together they get `OTHERS_SHARE` of the
  CPU time while favoured or new ones wait, and all of it otherwise.

New requests, and the others, are served in turn by client, whatever the number of a client's
requests.

Source:
    F. J. Corbató et al., "An experimental time-sharing system", AFIPS 1962 (multilevel feedback).
"""

import math
from asyncio import Future
from collections import OrderedDict
from time import monotonic
from typing import Final

# Of CPU time, which does not depend on how busy the other threads are.
TURN_SECONDS, FURTHER_TURN_SECONDS = 0.25, 1.0
OTHERS_SHARE: Final = 1 / 3  # of the CPU time
NEW_SHARE: Final = 1 / 8  # of the CPU time of favoured and new requests
FAVOURED_PER_THREAD: Final = 2  # one that a thread works on, one whose next part is received
IDLE_SECONDS: Final = 0.25  # after which another request may take the place of a slow client's
# CPU time of a share that was not used yet, or was used in advance.
MAX_CREDIT_SECONDS: Final = 0.1
MAX_DEBT_SECONDS: Final = 1.0


class Job:
    """The work of one request, of which at most one part waits or runs at a time.

    Args:
        client: Address of the client.

    Attributes:
        client: Address of the client.
        started: True as soon as the first part has got a thread.
        seconds: CPU time of its parts.
        turn_end: The value of `seconds` at which the current turn ends.
        waiter: Future of the waiting part, done when the part gets a thread.
    """

    __slots__ = ("client", "seconds", "started", "turn_end", "waiter")

    def __init__(self, client: str = "") -> None:
        self.client = client
        self.started = False
        self.seconds = 0.0
        self.turn_end = TURN_SECONDS
        self.waiter: Future[None] | None = None

    @property
    def is_long(self) -> bool:
        """True if it has used its first turn."""
        return self.seconds >= TURN_SECONDS


class ClientQueues:
    """Jobs that are served in turn by client; the jobs of a client are in order."""

    def __init__(self) -> None:
        self._jobs: dict[str, OrderedDict[Job, None]] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def clients(self) -> int:
        """The number of clients with jobs."""
        return len(self._jobs)

    def add(self, job: Job, *, first: bool = False) -> None:
        """Add a job to the queue of its client; a client without jobs is the last in turn.

        Args:
            job: The job.
            first: True to add it before the other jobs of the client, False to add it after them.
        """
        jobs = self._jobs.setdefault(job.client, OrderedDict())
        jobs[job] = None
        if first:
            jobs.move_to_end(job, last=False)
        self._size += 1

    def discard(self, job: Job) -> None:
        """Remove a job if it is in a queue."""
        jobs = self._jobs.get(job.client, OrderedDict())
        if job in jobs:
            del jobs[job]
            self._size -= 1
            if not jobs:
                del self._jobs[job.client]

    def pop(self) -> Job:
        """Remove and return the first job of the client whose turn it is."""
        client, jobs = next(iter(self._jobs.items()))
        job = next(iter(jobs))
        self.discard(job)
        if client in self._jobs:
            self._jobs[client] = self._jobs.pop(client)  # the last in turn
        return job

    def of(self, client: str) -> int:
        """Return the number of jobs of a client."""
        return len(self._jobs.get(client, ()))

    def newest_of_longest(self) -> Job:
        """Return the last job in the longest queue."""
        longest = max(self._jobs, key=self.of)
        return next(reversed(self._jobs[longest]))


class Share:
    """The CPU time that some jobs may use although more urgent ones wait.

    Args:
        share: Their share of the CPU time, 0 to 1.
    """

    def __init__(self, share: float) -> None:
        self._ratio = share / (1 - share)
        self._seconds = 0.0

    @property
    def is_due(self) -> bool:
        """True if they have used less than their share."""
        return self._seconds > 0

    def earn(self, seconds: float) -> None:
        """Count CPU time of more urgent jobs, while some of these wait."""
        self._seconds = min(self._seconds + seconds * self._ratio, MAX_CREDIT_SECONDS)

    def spend(self, seconds: float) -> None:
        """Count their own CPU time, while more urgent ones wait."""
        self._seconds = max(self._seconds - seconds, -MAX_DEBT_SECONDS)


class Turns:
    """The jobs of which a part waits for a thread.

    Args:
        threads: Number of threads.

    Attributes:
        new: The waiting jobs of which no part has started.
        others: The waiting jobs that have started and are not favoured.
    """

    def __init__(self, threads: int) -> None:
        self._places = FAVOURED_PER_THREAD * threads
        # The favoured jobs, each with the time at which its last part ended; infinity while it
        # waits or runs.
        self._favoured: dict[Job, float] = {}
        self._favoured_waiting: dict[Job, None] = {}  # in order of arrival
        self.new, self.others = ClientQueues(), ClientQueues()
        self._new_share, self._others_share = Share(NEW_SHARE), Share(OTHERS_SHARE)

    def add(self, job: Job) -> None:
        """Add a job with a part that waits."""
        if not job.started:
            self.new.add(job)
        elif job in self._favoured:
            self._favoured[job] = math.inf
            self._favoured_waiting[job] = None
        else:
            self.others.add(job, first=job.seconds < job.turn_end)
            if job.seconds >= job.turn_end:
                job.turn_end = job.seconds + FURTHER_TURN_SECONDS

    def discard(self, job: Job) -> None:
        """Remove a job whose part no longer waits."""
        self._favoured_waiting.pop(job, None)
        self.new.discard(job)
        self.others.discard(job)

    def pop(self) -> Job | None:
        """Remove and return the job whose part is next; None if no part waits."""
        if self.others and (self._others_share.is_due or not self._others_must_share):
            return self.others.pop()
        if self._favoured_waiting and not (self.new and self._new_share.is_due):
            job = next(iter(self._favoured_waiting))
            del self._favoured_waiting[job]
            return job
        return self.new.pop() if self.new else None

    def start(self, job: Job) -> None:
        """Note that a part of a job gets a thread; a new job is favoured if there is a place."""
        if not job.started:
            job.started = True
            if len(self._favoured) >= self._places:
                idle_before = monotonic() - IDLE_SECONDS
                for each in [each for each, time in self._favoured.items() if time < idle_before]:
                    del self._favoured[each]
            if len(self._favoured) < self._places:
                self._favoured[job] = math.inf

    def finish_part(self, job: Job, seconds: float) -> None:
        """Count the CPU time of a part.

        Args:
            job: The job.
            seconds: CPU time of the part.
        """
        is_new, is_favoured = job.seconds == 0, job in self._favoured
        if is_new or is_favoured:
            if self.others:
                self._others_share.earn(seconds)
        elif self._others_must_share:
            self._others_share.spend(seconds)
        if is_new:
            if self._favoured_waiting:
                self._new_share.spend(seconds)
        elif is_favoured and self.new:
            self._new_share.earn(seconds)
        job.seconds += seconds
        if is_favoured:
            self._favoured[job] = monotonic()
            if job.is_long:
                del self._favoured[job]

    def end(self, job: Job) -> None:
        """Forget a job that has no further part."""
        self._favoured.pop(job, None)

    @property
    def _others_must_share(self) -> bool:
        return bool(self._favoured_waiting or self.new)
