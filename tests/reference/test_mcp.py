"""The example of an MCP server offers the model as a tool to MCP's own client."""

import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from support.paths import ROOT

mcp = pytest.importorskip("mcp", reason="mcp is not installed: pip install mcp")
from mcp.client.stdio import StdioServerParameters  # noqa: E402 - after the check

pytestmark = pytest.mark.anyio

ROW = {
    "clump_thickness": 5, "uniformity_of_cell_size": 1, "uniformity_of_cell_shape": 1,
    "marginal_adhesion": 1, "single_epithelial_cell_size": 2, "bland_chromatin": 3,
    "normal_nucleoli": 1, "mitoses": 1,
}  # fmt: skip


@pytest.fixture
def url(wisconsin_port: int) -> str:
    return f"http://127.0.0.1:{wisconsin_port}"


@pytest.fixture
async def assistant(url: str) -> AsyncIterator[Any]:
    server = StdioServerParameters(
        command=sys.executable,
        args=[str(ROOT / "examples" / "mcp_server.py"), url],
        env={"PYTHONPATH": str(ROOT)},
    )
    async with mcp.Client(server) as client:
        yield client


async def test_the_tool_has_the_schema_of_the_model(assistant: Any, url: str) -> None:
    [tool] = (await assistant.list_tools()).tools
    document = httpx.get(f"{url}/openapi.json").json()
    model = httpx.get(f"{url}/model").json()
    assert tool.name == "predict"
    assert tool.input_schema == document["components"]["schemas"]["Instance"]
    assert tool.title == f"Predict with {model['title']}"
    assert model["intended_use"] in (tool.description or "")


async def test_a_call_is_a_prediction(assistant: Any, url: str) -> None:
    result = await assistant.call_tool("predict", ROW)
    answer = httpx.post(f"{url}/predict", json=ROW).json()
    assert not result.is_error
    assert result.structured_content == answer
    assert json.loads(result.content[0].text) == answer
    assert answer["imputed"] == ["bare_nuclei"]


@pytest.mark.parametrize(
    ("name", "row", "text"),
    [
        ("predict", ROW | {"mitoses": 11}, "mitoses must be an integer from 1 to 10"),
        ("predict", ROW | {"mitosis": 1}, "mitosis"),
        ("other", ROW, "There is no tool other, only predict."),
    ],
)
async def test_an_error_names_the_rule(
    assistant: Any, name: str, row: dict[str, int], text: str
) -> None:
    result = await assistant.call_tool(name, row)
    assert result.is_error
    assert text in result.content[0].text
