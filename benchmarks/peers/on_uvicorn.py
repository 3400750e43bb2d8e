"""The floor: uvicorn with a bare ASGI application that reads the body and sends fixed bytes."""

import sys
from typing import Any

import uvicorn

RESPONSE = (
    b'{"probability":0.0005706398573843651,"label":"benign","threshold":0.29,'
    b'"model":"wisconsin@725415b3c2a3"}'
)
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(RESPONSE))]


async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001
    """Send the fixed response to any request."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": RESPONSE})


if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        http="httptools",
        loop="uvloop",
        lifespan="off",
        ws="none",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
