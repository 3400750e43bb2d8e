"""Predict with httpx:  python examples/predict.py [http://localhost:8000]."""

import sys

import httpx

url = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8000"
rows = [[5, 1, 1, 1, 2, None, 3, 1, 1], [8, 10, 10, 8, 7, 10, 9, 7, 1]]

# One client for many requests keeps its connections open. The transport retries when it cannot
# connect; a prediction changes no state, so repeating it is safe.
transport = httpx.HTTPTransport(retries=2)
with httpx.Client(base_url=url, timeout=10, transport=transport) as client:
    response = client.post("/predict", params={"threshold": 0.7}, json={"instances": rows})
    if response.is_error:  # application/problem+json: fields and the rules that they break
        problem = response.json()
        for error in problem.get("errors", []):
            print(error["field"], error["rule"], file=sys.stderr)
        sys.exit(f"{problem['title']}: {problem['detail']} (request {problem['instance']})")
    for prediction in response.json()["predictions"]:
        imputed = prediction.get("imputed", [])
        print(prediction["label"], f"{prediction['probability']:.3f}", *imputed)
