"""One request and its answer: uvicorn's, and it may be refused while its body arrives."""

from uvicorn._types import ASGIReceiveEvent
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from service.problems import Problem


class RequestCycle(RequestResponseCycle):
    """refusal: what the application is to answer, whatever it is doing when it next reads."""

    refusal: Problem | None = None

    def refuse(self, problem: Problem) -> None:
        """Have it answered so; the connection is closed afterwards."""
        self.refusal = problem
        self.keep_alive = False
        self.waiting_for_100_continue = False
        self.message_event.set()

    async def receive(self) -> ASGIReceiveEvent:
        """The next piece of the body, or that the client has left. Raises Problem."""
        message = await super().receive()
        if self.refusal is not None and not self.disconnected and not self.response_complete:
            raise self.refusal
        return message
