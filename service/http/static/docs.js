// Shows the OpenAPI document; the library is served by this gateway too.
SwaggerUIBundle({ url: "/openapi.json", dom_id: "#api", deepLinking: true });
