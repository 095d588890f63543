import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { WebOptions } from "../../src/transport/WebSocket.js"
import { eventually } from "../support/Eventually.js"
import { dial, exchange, hostOf } from "../support/RawExchange.js"
import { startSocketServer } from "../support/SocketServer.js"
import { overWebSocket, webLimits } from "../support/WebSocketServer.js"

const start = (options: Partial<WebOptions> = {}) => startSocketServer({ listen: [overWebSocket(undefined, options)] })

/** A server that answers each request with its target and its host after 50 ms, and with what it carried out. */
const startSlow = (options: Partial<WebOptions> = {}) =>
  Effect.gen(function* () {
    const handled: Array<string> = []
    const server = yield* start({
      handler: (request, response) => {
        handled.push(`${request.url} for ${request.headers.host}`)
        request.resume()
        request.on("end", () => void setTimeout(() => response.end(handled.at(-1)), 50))
      },
      ...options
    })
    return { ...server, handled, host: `Host: ${hostOf(server)}\r\n` }
  })

const requestFor = (target: string) => `GET ${target} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`

const responsesIn = (text: string) => text.split("HTTP/1.1 ").slice(1)

describe("requests of HTTP", () => {
  it.scopedLive("are refused with a reason if they are none", () =>
    Effect.gen(function* () {
      const server = yield* startSlow()
      const { handled, host } = server
      const cases: ReadonlyArray<readonly [status: string, request: string]> = [
        ["400 Bad Request", "nonsense\r\n\r\n"],
        ["400 Bad Request", `GET /x y HTTP/1.1\r\n${host}\r\n`],
        ["400 Bad Request", `GET / HTTP/1.1\r\n${host}X: a\0b\r\n\r\n`],
        ["400 Bad Request", `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n`],
        ["400 Bad Request", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
        ["405 Method Not Allowed", `CONNECT evil.example:80 HTTP/1.1\r\n${host}\r\n`],
        ["431 Request Header Fields Too Large", `GET / HTTP/1.1\r\n${host}${"X: y".repeat(100_000)}`]
      ]
      for (const [status, request] of cases) {
        const responses = responsesIn(yield* exchange(server, request))
        assert.lengthOf(responses, 1, request.slice(0, 100))
        assert.match(responses[0] ?? "", new RegExp(`^${status}\r\nConnection: close\r\n`, "u"), request.slice(0, 100))
      }
      // The one with a body that is malformed had begun.
      assert.deepStrictEqual(new Set(handled), new Set([`/ for ${hostOf(server)}`]))
    })
  )

  it.scopedLive(
    "are carried out one at a time: of several at once the first is, and the connection ends after its answer",
    () =>
      Effect.gen(function* () {
        const server = yield* startSlow()
        const { handled, host } = server
        const request = (name: string) => `POST /${name} HTTP/1.1\r\n${host}Content-Length: 3\r\n\r\nabc`
        const responses = responsesIn(yield* exchange(server, request("one") + request("two") + request("three")))
        assert.lengthOf(responses, 1)
        assert.match(responses[0] ?? "", /^200 OK\r\nconnection: close\r\n[^]*\/one for /u)
        for (const [name, next] of [
          ["four", "nonsense\r\n\r\n"],
          ["five", `CONNECT x:1 HTTP/1.1\r\n${host}\r\n`]
        ] as const) {
          const answers = responsesIn(yield* exchange(server, request(name) + next))
          assert.lengthOf(answers, 1, next)
          assert.match(answers[0] ?? "", new RegExp(`^200 OK\r\nconnection: close\r\n[^]*/${name} for `, "u"), next)
        }
        assert.deepStrictEqual(
          handled.map((one) => one.split(" ")[0]),
          ["/one", "/four", "/five"]
        )
      })
  )

  it.scopedLive(
    "end the connection, and not the server, if the client resets it while a CONNECT or an upgrade awaits its turn",
    () =>
      Effect.gen(function* () {
        let begun = 0
        let ended = 0
        const server = yield* start({
          handler: (_, response) => {
            begun += 1
            response.on("close", () => (ended += 1))
          }
        })
        const host = `Host: ${hostOf(server)}\r\n`
        const cases = [
          `CONNECT x:1 HTTP/1.1\r\n${host}\r\n`,
          `GET /chat HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`
        ]
        for (const [index, next] of cases.entries()) {
          const socket = yield* dial(server)
          socket.write(`GET / HTTP/1.1\r\n${host}\r\n${next}`)
          yield* eventually(() => begun > index, "the first request is not carried out")
          socket.resetAndDestroy()
          yield* eventually(() => ended > index, "the connection is still there")
        }
      })
  )

  it.scopedLive("end with the server, also if an upgrade awaits its turn", () =>
    Effect.gen(function* () {
      let begun = 0
      let closed = false
      const listen = overWebSocket(undefined, { handler: () => void (begun += 1) })
      const events = { accepted: () => {}, dropped: () => {}, failed: () => {} }
      const scope = yield* Scope.make()
      const server = yield* Scope.extend(listen({ events, hardLimit: 9 }), scope)
      const socket = yield* dial(server)
      socket.on("close", () => (closed = true)).resume()
      const host = `Host: ${hostOf(server)}\r\n`
      const upgrade = `GET /chat HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`
      socket.write(`GET / HTTP/1.1\r\n${host}\r\n${upgrade}`)
      yield* eventually(() => begun === 1, "the first request is not carried out")
      yield* Scope.close(scope, Exit.void)
      yield* eventually(() => closed, "the connection is still there")
    })
  )

  it.scopedLive("are refused with a reason if they do not arrive in time", () =>
    Effect.gen(function* () {
      const server = yield* startSlow({ limits: { ...webLimits, requestTimeout: "500 millis" } })
      for (const request of [
        `POST / HTTP/1.1\r\n${server.host}Content-Length: 9\r\n\r\nx`,
        "GET / HTTP/1.1\r\nHost: a"
      ]) {
        const responses = responsesIn(yield* exchange(server, request))
        assert.lengthOf(responses, 1)
        assert.match(responses[0] ?? "", /^408 Request Timeout\r\nConnection: close\r\n/u)
      }
    })
  )

  it.scopedLive("end the connection if there are very many at once", () =>
    Effect.gen(function* () {
      const server = yield* startSlow()
      assert.strictEqual(yield* exchange(server, `GET / HTTP/1.1\r\n${server.host}\r\n`.repeat(20)), "")
      assert.lengthOf(server.handled, 1)
    })
  )

  it.scopedLive("may have the form that is for proxies, whose host counts", () =>
    Effect.gen(function* () {
      const server = yield* startSlow()
      for (const target of ["http://localhost/who?x", "HTTPS://localhost/who?x"]) {
        assert.match(yield* exchange(server, requestFor(target)), /\/who\?x for localhost$/u)
      }
      assert.match(yield* exchange(server, requestFor("http://localhost")), /\r\n\r\n[^]*\/ for localhost/u)
    })
  )

  it.scopedLive("are asked for their body only once it is wanted", () =>
    Effect.gen(function* () {
      const server = yield* start({ handler: (_, response) => response.writeHead(404).end() })
      const socket = yield* dial(server)
      let text = ""
      socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")))
      socket.write(`POST /x HTTP/1.1\r\nHost: ${hostOf(server)}\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n`)
      yield* eventually(() => text !== "", "no answer")
      assert.match(text, /^HTTP\/1\.1 404 /u)
    })
  )
})
