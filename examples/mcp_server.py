"""A tool for assistants: predict, over the Model Context Protocol (MCP).

    pip install 'malignancy[client]' mcp
    python examples/mcp_server.py [http://localhost:8000]

The server speaks MCP on its standard input and output, as an assistant starts it. Its tool
`predict` takes one row. The input schema is that of the model in service, and an error names the
field and the rule, so that an assistant can correct its input. An API key is read from the variable
API_KEY.

A configuration of an assistant:

    {"mcpServers": {"malignancy": {"command": "python", "args": ["examples/mcp_server.py"]}}}
"""

import json
import os
import sys
from typing import Any

import anyio
from mcp import types
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server

from malignancy import AsyncClient, ClientError

DEFAULT_URL = "http://localhost:8000"


def prediction_server(client: AsyncClient) -> Server[Any]:
    """Return a server with the tool `predict`.

    Args:
        client: Client of the service.
    """

    async def list_tools(
        _: ServerRequestContext[Any], __: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        model = await client.model()
        limits = [model.fields["description"], model.fields["intended_use"]]
        limits += [f"Limit: {limit}" for limit in model.fields["limits"] or []]
        tool = types.Tool(
            name="predict",
            title=f"Predict with {model.title}",
            description="\n".join(filter(None, ["Predict one row.", *limits])),
            input_schema=await client.input_schema(),
            annotations=types.ToolAnnotations(
                read_only_hint=True, idempotent_hint=True, open_world_hint=False
            ),
        )
        return types.ListToolsResult(tools=[tool])

    async def call_tool(
        _: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        if params.name != "predict":
            return failure(f"There is no tool {params.name}, only predict.")
        try:
            prediction = await client.predict(params.arguments or {})
        except (ClientError, TypeError) as error:
            return failure(str(error))
        fields = dict(prediction.fields)
        text = types.TextContent(type="text", text=json.dumps(fields))
        return types.CallToolResult(content=[text], structured_content=fields)

    return Server("malignancy", on_list_tools=list_tools, on_call_tool=call_tool)


def failure(text: str) -> types.CallToolResult:
    """Return the result of a call that failed, which the assistant reads."""
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=True)


async def main() -> None:
    """Serve on standard input and output until the input ends."""
    url = sys.argv[1] if len(sys.argv) > 1 else DEFAULT_URL
    async with AsyncClient(url, api_key=os.environ.get("API_KEY")) as client:
        server = prediction_server(client)
        async with stdio_server() as (read_stream, write_stream):
            await server.run(read_stream, write_stream, server.create_initialization_options())


if __name__ == "__main__":
    anyio.run(main)
