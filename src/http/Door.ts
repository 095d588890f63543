import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import type { IncomingMessage, ServerResponse } from "node:http"
import * as WebOrigin from "../transport/WebOrigin.js"
import type { RequestHandler, WebClient } from "../transport/WebSocket.js"
import { ChatSessions } from "./ChatSessions.js"
import * as CrossSite from "./CrossSite.js"
import type { DoorLimits } from "./DoorLimits.js"
import * as DoorMetrics from "./DoorMetrics.js"
import type { Hooks } from "./Hooks.js"
import * as HttpRefusal from "./HttpRefusal.js"
import { IdempotencyKeys } from "./IdempotencyKeys.js"
import { ListenStreams } from "./ListenRequest.js"
import * as OpenApi from "./OpenApi.js"
import * as Parameters from "./Parameters.js"
import { RequestMemory } from "./RequestMemory.js"
import * as Routes from "./Routes.js"

/**
 * The HTTP door: the chat for scripts. Each request is a client of the chat, over a connection within this process, and
 * so has the logins, limits, bans and refusals that any other client has.
 */

export interface DoorOptions {
  readonly limits: DoorLimits
  /** The webhooks; undefined where they are off. */
  readonly hooks: Hooks | undefined
  /** Origins of pages on other sites that may use the door. */
  readonly origins: ReadonlyArray<string>
}

/** The methods of each path, by its first part. */
const paths: Readonly<Record<string, Routes.Method>> = {
  send: "POST",
  listen: "GET",
  history: "GET",
  who: "GET",
  hook: "POST",
  "openapi.json": "GET"
}

/** Answers requests until the scope ends, which ends its streams. */
export const make = (options: DoorOptions): Effect.Effect<RequestHandler, never, Scope.Scope> =>
  Effect.gen(function* () {
    DoorMetrics.createAll()
    const fork = yield* FiberSet.makeRuntime<never>()
    const streams = new ListenStreams(options.limits.maxStreams)
    yield* Effect.addFinalizer(() => Effect.sync(() => streams.close()))
    const context: Routes.RouteContext = {
      ...options,
      streams,
      keys: new IdempotencyKeys(options.limits.maxKeys),
      sessions: new ChatSessions((effect) => void fork(effect))
    }
    return (request, response, client) => {
      const begun = begin(request, response, client, options.origins)
      if (begun === undefined) return
      const release = Effect.sync(() => begun.memory.releaseAfter(response))
      void fork(Effect.ensuring(answering(begun, context), release))
    }
  })

interface Begun extends Routes.DoorRequest {
  readonly headers: Readonly<Record<string, string>>
}

/** Checks where a request comes from, and what it asks for. Answers what needs no chat, and returns what does. */
const begin = (
  request: IncomingMessage,
  response: ServerResponse,
  client: WebClient,
  origins: ReadonlyArray<string>
): Begun | undefined => {
  const own = WebOrigin.ownOf(request, client.scheme)
  const site = CrossSite.siteOf(request.headers, own, origins)
  const { method, url = "" } = request
  const headers = CrossSite.corsHeaders(site, request.headers.origin)
  if (site === "other") return refuse(response, "", otherSite, headers)
  const target = Parameters.targetOf(url)
  if (Either.isLeft(target)) return refuse(response, "", target.left, headers)
  const { name } = target.right
  const allowed = Object.hasOwn(paths, name) ? paths[name] : undefined
  if (allowed === undefined) return refuse(response, "", HttpRefusal.notFound(`there are ${places}`), headers)
  if (method === "OPTIONS" && site === "allowed") {
    response.writeHead(204, CrossSite.preflightHeaders(request.headers.origin ?? "")).end()
    return undefined
  }
  if (method !== allowed) {
    return refuse(response, name, notAllowed(name, allowed), { ...headers, allow: allowed })
  }
  // A stream begins its response itself.
  for (const [key, value] of Object.entries({ "cache-control": "no-store", ...headers })) response.setHeader(key, value)
  return { request, response, client, target: target.right, headers, memory: new RequestMemory(client.memory) }
}

const places = "/send/NAME, /listen, /history/NAME, /who, /hook/ID and /openapi.json"

const otherSite = new HttpRefusal.HttpRefusal({
  status: 403,
  code: "other-site",
  text:
    "pages of this site may not use the server; see --web-origin (without HTTPS, browsers do not say which site " +
    "it is)"
})

const notAllowed = (name: string, method: string) =>
  new HttpRefusal.HttpRefusal({ status: 405, code: "bad-method", text: `/${name} takes ${method}` })

/** Runs a request to its end, also when its client has gone: its lines are on their way. */
const answering = (begun: Begun, context: Routes.RouteContext): Effect.Effect<void> => {
  const { headers, memory, response, target } = begun
  const { name } = target
  const answered =
    name === "openapi.json"
      ? Effect.succeed<Routes.RouteAnswer>({ status: 200, body: OpenApi.description })
      : Routes.run(begun, context)
  return Effect.matchEffect(answered, {
    onFailure: (refusal) => Effect.sync(() => void refuse(response, name, refusal, headers)),
    onSuccess: (answer) => {
      if (answer === undefined) {
        DoorMetrics.answered(name, response.statusCode)
        return Effect.void
      }
      if (!response.destroyed) {
        memory.add(send(response, name, answer.status, answer.body, { ...headers, ...answer.headers }))
        return Effect.void
      }
      DoorMetrics.unheardBy()
      return answer.unheard ?? Effect.void
    }
  })
}

const refuse = (
  response: ServerResponse,
  path: string,
  refusal: HttpRefusal.HttpRefusal,
  headers: Readonly<Record<string, string>>
): undefined => {
  const { retryMillis, status } = refusal
  send(response, path, status, HttpRefusal.bodyOf(refusal), {
    ...headers,
    ...(retryMillis === undefined ? {} : { "retry-after": String(Math.max(1, Math.ceil(retryMillis / 1000))) }),
    // Not Basic, although it is taken: a browser would ask for a password, and send it for pages of other sites as
    // well.
    ...(status === 401 ? { "www-authenticate": 'Bearer realm="a-chat"' } : {}),
    // The body was not read, and would be taken for the next request.
    ...(status === 413 || status === 503 ? { connection: "close" } : {})
  })
  return undefined
}

/** Returns the bytes of the response. */
const send = (
  response: ServerResponse,
  path: string,
  status: number,
  body: object | undefined,
  headers: Readonly<Record<string, string>>
): number => {
  DoorMetrics.answered(path, status)
  if (response.destroyed || response.headersSent) return 0
  if (body === undefined) {
    response.writeHead(status, { "cache-control": "no-store", ...headers }).end()
    return 0
  }
  const json = `${JSON.stringify(body)}\n`
  const bytes = Buffer.byteLength(json)
  response
    .writeHead(status, {
      "cache-control": "no-store",
      "content-type": "application/json",
      "content-length": String(bytes),
      ...headers
    })
    .end(json)
  return bytes
}
