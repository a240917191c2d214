// Asks a gateway through the client that is generated from its OpenAPI document.
import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

declare const process: { argv: string[] };
const [, , baseUrl, url1] = process.argv as [string, string, string, string];
const client = createClient<paths>({ baseUrl });

const asked = await client.GET("/recommend", { params: { query: { url1, k: 2 } } });
const bad = await client.POST("/recommend", { body: { url1, k: 99 } as { url1: string; k: number } });
const batch = await client.POST("/recommend/batch", { body: { requests: [{ url1 }] } });

const urls: string[] | undefined = asked.data?.recommendations.map((page) => page.url);
console.log(
  JSON.stringify({ urls, wrong: bad.error, batch: batch.data?.results[0]?.answer?.recommendations.length }),
);
