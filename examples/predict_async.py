"""Ask for many cases at once with httpx:  python examples/predict_async.py [http://localhost:8000].

For a whole table send it as text/csv instead, which takes and gives any number of rows.
"""

import asyncio
import sys

import httpx

url = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8000"
rows = [[5, 1, 1, 1, 2, 1, 3, 1, 1], [8, 10, 10, 8, 7, 10, 9, 7, 1]] * 50


async def main() -> None:
    """Each row a request, eight at a time."""
    free = asyncio.Semaphore(8)
    async with httpx.AsyncClient(base_url=url, timeout=10) as client:

        async def label(row: list[int]) -> str:
            async with free:
                answer = await client.post("/predict", json={"instances": [row]})
                answer.raise_for_status()
                return str(answer.json()["predictions"][0]["label"])

        labels = await asyncio.gather(*map(label, rows))
    for each in sorted(set(labels)):
        print(each, labels.count(each))


asyncio.run(main())
