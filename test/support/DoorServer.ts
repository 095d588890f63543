import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import * as Door from "../../src/http/Door.js"
import * as DoorLimits from "../../src/http/DoorLimits.js"
import type { Hooks } from "../../src/http/Hooks.js"
import * as MemorySocket from "../../src/ports/MemorySocket.js"
import type { MemoryUse } from "../../src/ports/Transport.js"
import * as DescribedAnswers from "./DescribedAnswers.js"
import { login } from "./Conversations.js"
import type * as WebSocket from "../../src/transport/WebSocket.js"
import type { RequestHandler } from "../../src/transport/WebSocket.js"
import { eventually } from "./Eventually.js"
import { overWebSocket } from "./WebSocketServer.js"
import { startRooms, type RoomsOptions, type RoomsServer } from "./Rooms.js"

/** A response, read to its end. */
export interface DoorResponse {
  readonly status: number
  readonly headers: Http.IncomingHttpHeaders
  readonly text: string
  // oxlint-disable-next-line typescript/no-explicit-any -- the body of a response under test
  readonly json: any
}

export interface DoorServer extends RoomsServer {
  readonly port: number
  /** Sends a request and reads its response, which has to be one that `/openapi.json` describes. */
  readonly ask: (
    method: string,
    path: string,
    options?: {
      readonly body?: string | Buffer
      readonly headers?: Http.OutgoingHttpHeaders
      readonly agent?: Http.Agent
    }
  ) => Effect.Effect<DoorResponse>
}

export interface DoorServerOptions extends RoomsOptions {
  /** Serves the door on a port as of `--web`. By default it is on its own, and each client at 192.0.2.7. */
  readonly web?: Partial<WebSocket.WebOptions>
  readonly limits?: Partial<DoorLimits.DoorLimits>
  readonly hooks?: Hooks
  readonly origins?: ReadonlyArray<string>
  /** In place of the server's own. */
  readonly memory?: MemoryUse
  /** Whether the server accepts connections. */
  readonly isOpen?: () => boolean
}

/** A response that continues: what came of it so far. */
export interface OpenResponse {
  readonly status: number
  readonly headers: Http.IncomingHttpHeaders
  readonly text: () => string
  /** Waits until the text has come. */
  readonly until: (text: string) => Effect.Effect<void>
  readonly hasEnded: () => boolean
  readonly ended: Effect.Effect<void>
  /** Breaks the connection. */
  readonly break: () => void
  /** Stops reading, and reads again. */
  readonly pause: () => void
  readonly resume: () => void
}

/**
 * Sends a request, and returns once its response has begun. Fails at its end if `/openapi.json` does not describe what
 * came.
 */
export const open = (
  port: number,
  path: string,
  headers: Http.OutgoingHttpHeaders = {}
): Effect.Effect<OpenResponse, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<OpenResponse>((resume) => {
      const request = Http.request({ host: "127.0.0.1", port, path, headers, agent: false }, (response) => {
        let text = ""
        let hasEnded = false
        response.setEncoding("utf8").on("data", (part: string) => (text += part))
        response.on("error", () => {}) // the server, or the test, breaks the connection
        response.on("close", () => (hasEnded = true))
        resume(
          Effect.succeed({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: () => text,
            until: (wanted) => eventually(() => text.includes(wanted), `${wanted} did not come, but ${text}`),
            hasEnded: () => hasEnded,
            ended: eventually(() => hasEnded, "the response did not end"),
            break: () => request.destroy(),
            pause: () => response.pause(),
            resume: () => response.resume()
          })
        )
      })
      request.on("error", () => {})
      request.end()
    }),
    (response) =>
      Effect.sync(() => {
        response.break()
        DescribedAnswers.checkOpen(path, { ...response, text: response.text() })
      })
  )

/** The header of a login with a token. */
export const authorization = (who: string): { readonly authorization: string } => {
  const [line = ""] = login(who)
  return { authorization: `Basic ${Buffer.from(line.replace(": ", ":")).toString("base64")}` }
}

/** A server with rooms and accounts, and its HTTP door on a real socket. */
export const startDoor = ({
  hooks,
  isOpen = () => true,
  limits,
  memory: given,
  origins = [],
  web,
  ...options
}: DoorServerOptions = {}): Effect.Effect<DoorServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const chat = yield* startRooms(options)
    const memory = given ?? chat.memory
    const door = yield* Door.make({ hooks, origins, limits: { ...DoorLimits.defaults, ...limits } })
    const port =
      web === undefined ? yield* onItsOwn(door, chat, { isOpen, memory }) : yield* onWeb(door, chat, memory, web)
    return { ...chat, port, ask: (method, path, request = {}) => ask(port, method, path, request) }
  })

interface OwnPort extends Required<Pick<DoorServerOptions, "isOpen" | "memory">> {}

const onItsOwn = (door: RequestHandler, chat: RoomsServer, { isOpen, memory }: OwnPort) =>
  Effect.gen(function* () {
    const sizes = { bufferBytes: 65_536, readBytes: 65_536 }
    const http = Http.createServer((request, response) => {
      const remote = "192.0.2.7:5000"
      // As a proxy says it.
      const isPrivate = request.headers["x-forwarded-proto"] !== "http"
      door(request, response, {
        remote,
        host: "192.0.2.7",
        isPrivate,
        identity: undefined,
        scheme: "http",
        memory,
        connect: (facts) => {
          if (!isOpen()) return undefined
          const from = { remote, host: "192.0.2.7", isPrivate, ...facts }
          const [client, accepted] = MemorySocket.pair(sizes, from, () => {})
          chat.accept(accepted)
          return client
        }
      })
    })
    yield* Effect.async<void>((resume) => void http.listen(0, "127.0.0.1", () => resume(Effect.void)))
    yield* Effect.addFinalizer(() => Effect.sync(() => http.close().closeAllConnections()))
    return (http.address() as AddressInfo).port // it listens on TCP
  })

const onWeb = (
  handler: RequestHandler,
  { accept }: RoomsServer,
  memory: MemoryUse,
  options: Partial<WebSocket.WebOptions>
) =>
  Effect.gen(function* () {
    const listen = overWebSocket(options.tls, { handler, ...options })
    const events = { accepted: accept, dropped: () => {}, failed: () => {} }
    const { address } = yield* Effect.orDie(listen({ events, memory, hardLimit: 100 }))
    return address.port ?? 0
  })

const ask = (
  port: number,
  method: string,
  path: string,
  { agent, body, headers }: Parameters<DoorServer["ask"]>[2] & object
): Effect.Effect<DoorResponse> =>
  Effect.async((resume) => {
    const request = Http.request(
      { host: "127.0.0.1", port, method, path, ...(headers && { headers }), ...(agent && { agent }) },
      (response) => {
        let text = ""
        response.setEncoding("utf8").on("data", (part: string) => (text += part))
        response.on("end", () => {
          const isJson = response.headers["content-type"]?.startsWith("application/json") === true
          const json: unknown = isJson ? JSON.parse(text) : undefined
          const answer = { status: response.statusCode ?? 0, headers: response.headers, text, json }
          resume(Effect.sync(() => (DescribedAnswers.check(method, path, answer), answer)))
        })
      }
    )
    request.on("error", (error) => resume(Effect.die(error)))
    request.end(body)
  })
