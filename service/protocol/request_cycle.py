"""uvicorn's request/response cycle, extended by rejection while the request body arrives."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from service.problems import Problem


class RequestCycle(RequestResponseCycle):
    """One request and its response.

    Attributes:
        rejection: The problem that the next `receive()` raises in the application; None as long
            as the request is accepted.
        allows_more: True if the client keeps the connection open for further requests.
    """

    rejection: Problem | None = None
    allows_more = False

    def reject(self, problem: Problem) -> None:
        """Make the application respond with a problem; the connection closes afterwards."""
        self.rejection = problem
        self.keep_alive = False
        self.waiting_for_100_continue = False
        self.message_event.set()

    async def receive(self) -> Any:
        """Return the next chunk of the body or the disconnect event.

        Raises:
            Problem: The request was rejected and the response is not complete.
        """
        message = await super().receive()
        if self.rejection is not None and not self.disconnected and not self.response_complete:
            raise self.rejection
        return message
