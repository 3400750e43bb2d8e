"""Predict many rows concurrently with httpx:  python examples/predict_async.py [URL].

The default URL is http://localhost:8000. For a whole table, send it as text/csv instead, which
takes and returns any number of rows.
"""

import asyncio
import sys

import httpx

url = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8000"
rows = [[5, 1, 1, 1, 2, 1, 3, 1, 1], [8, 10, 10, 8, 7, 10, 9, 7, 1]] * 50


async def main() -> None:
    """Send one request per row, eight at a time."""
    slots = asyncio.Semaphore(8)
    async with httpx.AsyncClient(base_url=url, timeout=10) as client:

        async def label(row: list[int]) -> str:
            async with slots:
                response = await client.post("/predict", json={"instances": [row]})
                response.raise_for_status()
                return str(response.json()["predictions"][0]["label"])

        labels = await asyncio.gather(*map(label, rows))
    for each in sorted(set(labels)):
        print(each, labels.count(each))


asyncio.run(main())
