#!/usr/bin/env node
// Sizes of the built files: as they are, with gzip and with brotli. Fonts are packed already.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";

const dist = fileURLToPath(new URL("../dist", import.meta.url));
const files = readdirSync(dist, { recursive: true })
  .filter((name) => name.includes("."))
  .map((name) => {
    const body = readFileSync(join(dist, name));
    const packed = name.endsWith(".woff2");
    const gzip = packed ? body.length : gzipSync(body, { level: 9 }).length;
    const brotli = packed ? body.length : brotliCompressSync(body).length;
    return { name, sizes: [body.length, gzip, brotli] };
  })
  .sort((a, b) => b.sizes[0] - a.sizes[0]);

const line = (sizes, name) =>
  console.log(sizes.map((size) => (size / 1024).toFixed(1).padStart(9)).join(""), name);
console.log("      raw     gzip   brotli  (KiB)");
for (const { name, sizes } of files) line(sizes, name);
line(
  [0, 1, 2].map((i) => files.reduce((sum, { sizes }) => sum + sizes[i], 0)),
  "all",
);
