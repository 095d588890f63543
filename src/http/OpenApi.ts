/** The HTTP door for programs: OpenAPI 3.1. A test compares it with what the server answers. */

const text = { type: "string" }
const number = { type: "integer" }

const object = (properties: object, required: ReadonlyArray<string> = Object.keys(properties)) => ({
  type: "object",
  properties,
  required,
  additionalProperties: false
})

const list = (items: object) => ({ type: "array", items })

const json = (description: string, schema: object, headers?: object) => ({
  description,
  ...(headers && { headers }),
  content: { "application/json": { schema } }
})

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })

const error = (description: string) => json(description, ref("Error"))

const retryAfter = { "Retry-After": { description: "Seconds after which to try again", schema: number } }

/** Responses of requests that log in. */
const refusals = {
  400: error("The request is wrong"),
  401: error("The secret is wrong or missing"),
  403: error("It is not allowed, or it comes from a page of another site"),
  409: error("The name in `from` is taken"),
  429: json("Too many lines or logins", ref("Error"), retryAfter),
  502: error("The connection to the chat ended before it answered"),
  503: json("The server shuts down, or is full", ref("Error"), retryAfter),
  504: error("The chat did not answer in time")
}

const outcomes = (description: string, headers?: object) => json(description, ref("Outcomes"), headers)

const outcomesOrError = (description: string, headers?: object) =>
  json(description, { oneOf: [ref("Outcomes"), ref("Error")] }, headers)

const sending = {
  200: outcomes("Everything was written, received or stored"),
  400: outcomesOrError("The request or a line is wrong"),
  401: refusals[401],
  403: refusals[403],
  404: error("Nobody is in that room"),
  409: outcomesOrError("Something was returned, or the name is taken"),
  413: outcomesOrError("The body, a line, or the number of lines is too long"),
  429: outcomesOrError("Too many lines or logins", retryAfter),
  502: outcomesOrError("The connection to the chat ended before every outcome was known"),
  503: outcomesOrError("The server shuts down, is full, or has no memory for the request", retryAfter),
  504: outcomesOrError("Some outcomes took too long")
}

const parameter = (name: string, description: string, schema: object = text, more: object = {}) => ({
  name,
  in: "query",
  description,
  schema,
  ...more
})

const pathParameter = (name: string, description: string) => ({
  name,
  in: "path",
  required: true,
  description,
  schema: text
})

const from = parameter("from", "The name of a guest, or with a token its login, such as alice/ci")

const join = parameter("join", "Whether an account enters the rooms first", { type: "string", enum: ["no", "yes"] })

const secured = [{}, { basic: [] }, { token: [] }]

const line = object(
  {
    from: text,
    text,
    at: { type: "string", format: "date-time" },
    room: text,
    with: text,
    seq: number,
    to: list(text),
    guest: { const: true },
    auto: { const: true }
  },
  ["from", "text", "at"]
)

const page = object(
  {
    lines: list(ref("Line")),
    damaged: { ...list(object({ first: number, last: number })), description: "Lines that the server cannot read" },
    more: { type: "boolean", description: "Whether there are more lines in the direction of the request" }
  },
  ["lines", "more"]
)

export const description = {
  openapi: "3.1.0",
  info: {
    title: "a-chat",
    version: "1",
    description: "The chat for scripts. Each request is a client of the chat; HTTP.md explains it."
  },
  paths: {
    "/send/{names}": {
      post: {
        summary: "Sends each line of the body to each of the names",
        security: secured,
        parameters: [
          pathParameter("names", "Names and rooms, with commas between them: bob,#ops"),
          from,
          join,
          parameter("wait", "With none, the answer comes once every line was read", {
            type: "string",
            enum: ["outcomes", "none"]
          }),
          {
            name: "Idempotency-Key",
            in: "header",
            description: "The same for a request that is sent again; for accounts",
            schema: text
          }
        ],
        requestBody: { required: true, content: { "text/plain": { schema: text } } },
        responses: {
          ...sending,
          202: outcomes("With wait=none: every line was read"),
          422: outcomesOrError("The Idempotency-Key was used before, for other lines or recipients")
        }
      }
    },
    "/listen": {
      get: {
        summary: "The messages for a client, as they come",
        security: secured,
        parameters: [
          from,
          parameter("room", "A room to enter; may be repeated", list(text), { explode: true }),
          parameter("format", "events, or for curl -N lines", { type: "string", enum: ["events", "lines"] }),
          {
            name: "Last-Event-ID",
            in: "header",
            description: "The id of the last event that the client has, which acknowledges all up to it",
            schema: text
          }
        ],
        responses: {
          ...refusals,
          200: {
            description: "A stream, whose messages have the schema Line",
            content: { "text/event-stream": { schema: text }, "text/plain": { schema: text } }
          },
          204: { description: "The server has ended this stream for good" },
          404: error("There is no such room")
        }
      }
    },
    "/history/{name}": {
      get: {
        summary: "A page of a room, or of a direct conversation",
        security: secured,
        parameters: [
          pathParameter("name", "A room, such as #ops, or the other name of a direct conversation"),
          from,
          join,
          parameter("limit", "Lines, at most 100", number),
          parameter("after", "Lines with greater numbers", number),
          parameter("before", "Lines with smaller numbers", number),
          parameter("since", "Lines of this time or later, in milliseconds since 1970", number),
          parameter("until", "Lines before this time, in milliseconds since 1970", number)
        ],
        responses: {
          ...refusals,
          200: json("A page, the oldest line first", page),
          404: error("There is no such room, or no history"),
          413: error("The name is too long")
        }
      }
    },
    "/who": {
      get: {
        summary: "The names of who is present",
        security: [{}],
        responses: { ...refusals, 200: json("Names", object({ names: list(text) })) }
      }
    },
    "/hook/{id}": {
      post: {
        summary: "An event of a webhook, as one line in its rooms",
        security: [{ hook: [] }, { gitlab: [] }, { signature: [] }, { gitlabSignature: [] }, { grafanaSignature: [] }],
        parameters: [pathParameter("id", "The id of the hook")],
        requestBody: { required: true, content: { "application/json": { schema: {} } } },
        responses: { ...sending, 204: { description: "There is no line for this event" } }
      }
    },
    "/openapi.json": {
      get: {
        summary: "This description",
        security: [{}],
        responses: { 200: json("OpenAPI", { type: "object" }), 403: refusals[403] }
      }
    }
  },
  components: {
    securitySchemes: {
      basic: { type: "http", scheme: "basic" },
      token: { type: "http", scheme: "bearer" },
      hook: { type: "http", scheme: "bearer" },
      gitlab: { type: "apiKey", in: "header", name: "X-Gitlab-Token" },
      signature: { type: "apiKey", in: "header", name: "X-Hub-Signature-256" },
      gitlabSignature: { type: "apiKey", in: "header", name: "webhook-signature" },
      grafanaSignature: { type: "apiKey", in: "header", name: "X-Grafana-Alerting-Signature" }
    },
    schemas: {
      Error: object({ error: object({ code: text, text, retry: number }, ["code", "text"]) }),
      Outcomes: object({ outcomes: list(ref("Outcome")) }),
      Outcome: object(
        {
          line: number,
          to: text,
          outcome: text,
          reason: text,
          retry: number,
          text,
          seq: number,
          at: { type: "string", format: "date-time" },
          again: { const: true }
        },
        ["line", "to", "outcome"]
      ),
      Line: line
    }
  }
}
