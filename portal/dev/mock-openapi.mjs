// A description of the mock, large enough to see how `/docs` looks.
const ok = (schema) => ({
  200: { description: "OK", content: { "application/json": { schema } } },
});
const query = (name, description, example) => ({
  name,
  in: "query",
  description,
  schema: { type: "string" },
  ...(example ? { example } : {}),
});
const id = {
  name: "id",
  in: "path",
  required: true,
  schema: { type: "integer", format: "int64" },
  example: 1,
};

export const openapi = {
  openapi: "3.1.0",
  info: {
    title: "Stadtwarte",
    version: "0.1.0",
    description: "Offene Schnittstellen der Stadtwarte (Mock).",
  },
  servers: [{ url: "/" }],
  tags: [
    { name: "stations", description: "Stations and their readings" },
    { name: "sql", description: "Read-only SQL" },
  ],
  paths: {
    "/api/v1/stations.geojson": {
      get: {
        tags: ["stations"],
        operationId: "stations",
        summary: "Every station with its latest readings",
        parameters: [
          query("bbox", "west,south,east,north in degrees", "10.5,52.2,10.7,52.4"),
          query("property", "Only stations that report this property", "air_temperature"),
        ],
        responses: ok({ type: "object" }),
      },
    },
    "/api/v1/stations/{id}": {
      get: {
        tags: ["stations"],
        operationId: "station",
        summary: "One station",
        parameters: [id],
        responses: ok({ $ref: "#/components/schemas/Station" }),
      },
    },
    "/api/v1/stations/{id}/series": {
      get: {
        tags: ["stations"],
        operationId: "series",
        summary: "Aggregated values of one property",
        parameters: [
          id,
          query("property", "Code of the property", "air_temperature"),
          query("every", "Length of a step", "1h"),
        ],
        responses: ok({ type: "object" }),
      },
    },
    "/api/v1/properties": {
      get: {
        tags: ["stations"],
        operationId: "properties",
        summary: "What is measured",
        responses: ok({ type: "object" }),
      },
    },
    "/api/v1/sql": {
      post: {
        tags: ["sql"],
        operationId: "sql",
        summary: "Run one read-only query",
        requestBody: {
          required: true,
          content: {
            "application/json": {
              schema: {
                type: "object",
                properties: {
                  query: { type: "string" },
                  format: { type: "string", enum: ["json", "csv", "ndjson", "geojson", "arrow"] },
                },
                example: { query: "SELECT 42 AS answer", format: "json" },
              },
            },
          },
        },
        responses: ok({ type: "array", items: { type: "object" } }),
      },
    },
  },
  components: {
    schemas: {
      Station: {
        type: "object",
        properties: { id: { type: "integer" }, type: { type: "string" } },
      },
    },
  },
};
