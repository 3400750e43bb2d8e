// Send bodies of blanks with node's fetch and http, and print the status of each response.
// usage: node uploads.mjs URL BYTES COUNT [NAME:VALUE ...]

import http from "node:http";

const [, , url, bytes, count, ...lines] = process.argv;
const headers = Object.fromEntries(lines.map((line) => line.split(":")));
const body = Buffer.alloc(Number(bytes), " ");

async function* pieces() {
  for (const number of Array(body.length / 65536).keys())
    yield body.subarray(number * 65536, (number + 1) * 65536);
}

async function fetched(sent) {
  const answer = await fetch(url, { method: "POST", headers, body: sent, duplex: "half" });
  await answer.text();
  return answer.status;
}

function requested(options) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: "POST", headers, ...options }, (answer) => {
      answer.resume().on("end", () => resolve(answer.statusCode)).on("error", reject);
    });
    request.on("error", reject).end(body);
  });
}

const ways = {
  "fetch": () => fetched(body),
  "fetch with a stream": () => fetched(pieces()),
  "http": () => requested({}),
  "http without keep-alive": () => requested({ agent: false }),
};
const found = {};
for (const [name, way] of Object.entries(ways)) {
  found[name] = [];
  for (const _ of Array(Number(count)))
    found[name].push(await way().catch((error) => String(error.cause ?? error)));
}
console.log(JSON.stringify(found));
process.exit(0);
