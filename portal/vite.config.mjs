import { appendFile, readFile } from "node:fs/promises";
import { defineConfig } from "vitest/config";

// Two entries, `/` and `/docs`. Addresses are relative so that the portal also works below a
// path prefix of a reverse proxy. Nothing is inlined: the content security policy of the server
// allows files from its own origin only.
export default defineConfig({
  base: "./",
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1600,
    license: { fileName: "licenses.txt" },
    rolldownOptions: { input: { index: "index.html", docs: "docs.html" } },
  },
  plugins: [furtherLicenses()],
  server: { proxy: devProxy() },
  test: { include: ["test/**/*.test.ts"], environment: "node" },
});

/** `npm run dev` talks to the mock server or to a running stadtwarte. */
function devProxy() {
  const target = process.env.STADTWARTE_URL ?? "http://127.0.0.1:4180";
  return Object.fromEntries(
    ["/api", "/openapi.json", "/healthz", "/readyz", "/metrics"].map((path) => [path, target]),
  );
}

/** What vite's own list does not see: the typeface, and what swagger-ui-dist has bundled itself. */
function furtherLicenses() {
  const further = [
    ["Atkinson Hyperlegible Next", "@fontsource-variable/atkinson-hyperlegible-next/LICENSE"],
    ["swagger-ui-dist, notice", "swagger-ui-dist/NOTICE"],
    ["swagger-ui-dist, bundled", "swagger-ui-dist/swagger-ui-es-bundle.js.LICENSE.txt"],
  ];
  return {
    name: "further-licenses",
    apply: "build",
    async closeBundle() {
      for (const [title, path] of further) {
        const text = await readFile(new URL(`node_modules/${path}`, import.meta.url), "utf8");
        await appendFile(new URL("dist/licenses.txt", import.meta.url), `\n## ${title}\n\n${text}`);
      }
    },
  };
}
