// Predict with fetch, in Node 18 or later:  node examples/predict.mjs [http://localhost:8000]
// In a browser the page must have the same origin: the service sends no CORS headers.

const url = process.argv[2] ?? "http://localhost:8000";
const rows = [[5, 1, 1, 1, 2, null, 3, 1, 1], [8, 10, 10, 8, 7, 10, 9, 7, 1]];

const response = await fetch(`${url}/predict?threshold=0.7`, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ instances: rows }),
  signal: AbortSignal.timeout(10_000),
});
const body = await response.json();
if (!response.ok) { // application/problem+json: fields and the rules that they break
  for (const { field, rule } of body.errors ?? []) console.error(field, rule);
  throw new Error(`${body.title}: ${body.detail} (request ${body.instance})`);
}
for (const { label, probability, imputed = [] } of body.predictions) {
  console.log(label, probability.toFixed(3), ...imputed);
}
