declare module "swagger-ui-dist/swagger-ui-es-bundle.js" {
  interface SwaggerOptions {
    url: string;
    domNode: HTMLElement;
    deepLinking?: boolean;
    docExpansion?: "list" | "full" | "none";
    defaultModelsExpandDepth?: number;
    displayRequestDuration?: boolean;
    filter?: boolean;
    tryItOutEnabled?: boolean;
    validatorUrl?: null;
    queryConfigEnabled?: boolean;
    syntaxHighlight?: boolean | { theme: string };
    onComplete?: () => void;
  }
  export default function SwaggerUI(options: SwaggerOptions): unknown;
}
