"""Ask with httpx:  python examples/predict.py [http://localhost:8000]."""

import sys

import httpx

url = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8000"
rows = [[5, 1, 1, 1, 2, None, 3, 1, 1], [8, 10, 10, 8, 7, 10, 9, 7, 1]]

# One client for many requests: it keeps its connections open. It asks again when it could not
# connect; a prediction changes nothing, so asking twice is safe.
transport = httpx.HTTPTransport(retries=2)
with httpx.Client(base_url=url, timeout=10, transport=transport) as client:
    answer = client.post("/predict", params={"threshold": 0.7}, json={"instances": rows})
    if answer.is_error:  # application/problem+json: which field breaks which rule
        problem = answer.json()
        for error in problem.get("errors", []):
            print(error["field"], error["rule"], file=sys.stderr)
        sys.exit(f"{problem['title']}: {problem['detail']} (request {problem['instance']})")
    for prediction in answer.json()["predictions"]:
        imputed = prediction.get("imputed", [])
        print(prediction["label"], f"{prediction['probability']:.3f}", *imputed)
