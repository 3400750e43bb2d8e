"""Tests of service.lifecycle: the time that is left for the end of a process."""

import pytest

from service import lifecycle
from service.lifecycle import GRACE_SECONDS, Lifecycle, Phase


@pytest.mark.parametrize(
    ("after_seconds", "remaining"),
    [(0.0, GRACE_SECONDS), (4.0, GRACE_SECONDS - 4), (GRACE_SECONDS + 1, 0.0)],
)
def test_the_grace_begins_when_the_server_closes(
    after_seconds: float, remaining: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(lifecycle, "monotonic", lambda: now[0])
    phases = Lifecycle(3)
    assert phases.remaining_seconds == GRACE_SECONDS
    phases.advance_to(Phase.DRAINING)
    assert phases.remaining_seconds == GRACE_SECONDS
    phases.advance_to(Phase.CLOSING)
    now[0] += after_seconds
    assert phases.remaining_seconds == remaining
