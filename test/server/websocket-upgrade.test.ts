import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { ServerResponse } from "node:http"
import * as Proxy from "../../src/transport/Proxy.js"
import type { WebOptions } from "../../src/transport/WebSocket.js"
import { eventually } from "../support/Eventually.js"
import { open } from "../support/OpenWebSocket.js"
import { dial, exchange, hostOf } from "../support/RawExchange.js"
import { startSocketServer, type SocketServer, type SocketServerOptions } from "../support/SocketServer.js"
import { overWebSocket, webLimits } from "../support/WebSocketServer.js"
import { clientFrame } from "../support/WebSocketFrames.js"
import * as WebSocketStream from "../support/WebSocketStream.js"

const start = (options: Partial<WebOptions> = {}, server: SocketServerOptions = {}) =>
  startSocketServer({ listen: [overWebSocket(options.tls, options)], ...server })

/** The status of the response to a request for a WebSocket. */
const statusOf = (server: SocketServer, options: WebSocketStream.UpgradeOptions) =>
  Effect.gen(function* () {
    const socket = yield* dial(server)
    return yield* Effect.async<number>((resume) => {
      const done = (response: string) => resume(Effect.succeed(Number(response.split(" ")[1])))
      socket.once("data", (chunk: Buffer) => done(chunk.toString("latin1")))
      socket.once("close", () => resume(Effect.succeed(0)))
      socket.write(WebSocketStream.upgradeRequest(hostOf(server), options))
    })
  }).pipe(Effect.scoped)

describe("the upgrade", () => {
  it.scopedLive("follows RFC 6455, and nothing else becomes a WebSocket", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const cases: ReadonlyArray<readonly [status: number, options: WebSocketStream.UpgradeOptions]> = [
        [101, {}],
        [101, { headers: { "Sec-WebSocket-Protocol": "a-chat" } }],
        [101, { headers: { "Sec-WebSocket-Protocol": "other, a-chat" } }],
        [400, { headers: { "Sec-WebSocket-Protocol": "other" } }],
        [101, { headers: { "Sec-WebSocket-Extensions": "permessage-deflate" } }],
        [101, { headers: { Upgrade: "WebSocket", Connection: "keep-alive, Upgrade" } }],
        [400, { headers: { Upgrade: "h2c" } }],
        [426, { headers: { "Sec-WebSocket-Version": "8" } }],
        [426, { headers: { "Sec-WebSocket-Version": undefined } }],
        [101, { headers: { "Content-Length": "0" } }],
        [400, { headers: { "Content-Length": "5" } }],
        [400, { headers: { "Transfer-Encoding": "chunked" } }],
        [400, { version: "1.0" }],
        [101, { path: "http://localhost/chat" }],
        [421, { path: "http://evil.example/chat" }],
        [400, { headers: { "Sec-WebSocket-Key": undefined } }],
        [400, { headers: { "Sec-WebSocket-Key": "c2hvcnQ=" } }],
        [404, { path: "/" }],
        [404, { path: "/chat/" }]
      ]
      for (const [status, options] of cases) {
        assert.strictEqual(yield* statusOf(server, options), status, JSON.stringify(options))
      }
      // The example of RFC 6455, 1.3. No extension is agreed on: a compressed frame would be a fault.
      const socket = yield* dial(server)
      const response = yield* Effect.async<string>((resume) => {
        socket.once("data", (chunk: Buffer) => resume(Effect.succeed(chunk.toString("latin1"))))
        socket.write(
          WebSocketStream.upgradeRequest(hostOf(server), {
            headers: { "Sec-WebSocket-Protocol": "a-chat", "Sec-WebSocket-Extensions": "permessage-deflate" }
          })
        )
      })
      assert.include(response, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n")
      assert.include(response, "Sec-WebSocket-Protocol: a-chat\r\n")
      assert.notInclude(response, "Extensions")
    })
  )

  it.scopedLive("takes frames that come with the request", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const socket = yield* dial(server)
      const request = WebSocketStream.upgradeRequest(hostOf(server))
      const frames = Buffer.concat(["alice", "alice: hi"].map((line) => clientFrame({ text: line })))
      socket.write(Buffer.concat([Buffer.from(request), frames]))
      let received = ""
      socket.on("data", (chunk: Buffer) => (received += chunk.toString("latin1")))
      yield* eventually(() => received.endsWith("from alice: hi\n"), "the message did not come")
    })
  )

  it.scopedLive("is not for pages of other origins (cross-site WebSocket hijacking)", () =>
    Effect.gen(function* () {
      const server = yield* start({ origins: ["https://chat.example"] })
      const own = hostOf(server)
      const cases: ReadonlyArray<readonly [status: number, origin: string | undefined]> = [
        [101, undefined],
        [101, `http://${own}`],
        [101, "https://chat.example"],
        [403, `https://${own}`],
        [403, "http://chat.example"],
        [403, "https://evil.example"],
        [403, "https://chat.example.evil.example"],
        [403, `http://127.0.0.1:1`],
        [403, "null"],
        [403, ""]
      ]
      for (const [status, origin] of cases) {
        assert.strictEqual(yield* statusOf(server, { headers: { Origin: origin } }), status, origin)
      }
    })
  )

  it.scopedLive("is only for requests whose one host is the server's own (DNS rebinding)", () =>
    Effect.gen(function* () {
      const server = yield* start({ origins: ["https://chat.example"] })
      const cases: ReadonlyArray<readonly [status: number, host: string | ReadonlyArray<string> | undefined]> = [
        [101, "127.0.0.1"],
        [101, "localhost:8081"],
        [101, "[::1]:8081"],
        [101, "chat.example"],
        [421, "evil.example"],
        [421, "localhost.evil.example"],
        [421, ["localhost", "evil.example"]],
        [421, undefined]
      ]
      for (const [status, host] of cases) {
        assert.strictEqual(yield* statusOf(server, { headers: { Host: host } }), status, String(host))
      }
    })
  )

  it.scopedLive("takes no secrets in the URL, and no log shows a URL", () =>
    Effect.gen(function* () {
      const server = yield* start()
      assert.strictEqual(yield* statusOf(server, { path: "/chat?token=secret" }), 404)
      assert.notInclude(JSON.stringify(server.logs), "secret")
    })
  )

  it.scopedLive("ends connections whose request does not arrive in time (slow HTTP)", () =>
    Effect.gen(function* () {
      const server = yield* start({ limits: { ...webLimits, requestTimeout: "300 millis" } })
      const began = performance.now()
      yield* Effect.all(
        [
          "",
          "GET /chat HT",
          "GET /chat HTTP/1.1\r\nHost: a",
          "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx"
        ].map((bytes) => exchange(server, bytes)),
        { concurrency: "unbounded" }
      )
      assert.isBelow(performance.now() - began, 8_000)
      assert.strictEqual(server.logs.filter(({ level }) => level === "ERROR").length, 0)
    })
  )

  it.scopedLive("ends connections that do not read an answer in time", () =>
    Effect.gen(function* () {
      let isOver = false
      const server = yield* start({
        limits: { ...webLimits, requestTimeout: "300 millis" },
        handler: (_, response) => {
          response.on("close", () => (isOver = true))
          response.end("x".repeat(64 * 2 ** 20))
        }
      })
      const socket = yield* dial(server)
      socket.pause()
      socket.write(`GET / HTTP/1.1\r\nHost: ${hostOf(server)}\r\n\r\n`)
      yield* eventually(() => isOver, "an answer that is not read is kept")
    })
  )

  it.scopedLive("answers a request that offers another protocol as if it did not", () =>
    Effect.gen(function* () {
      const bodies: Array<string> = []
      const server = yield* start({
        handler: (request, response) => {
          request.on("data", (chunk: Buffer) => bodies.push(chunk.toString("latin1")))
          request.on("end", () => response.end(`${request.method} ${request.url} ${request.headers["connection"]}`))
        }
      })
      const headers =
        `Host: ${hostOf(server)}\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\n` +
        "HTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: 2\r\n\r\n"
      const answer = yield* exchange(server, `POST /send/bob HTTP/1.1\r\n${headers}hi`)
      assert.match(answer, /^HTTP\/1\.1 200 OK\r\n[^]*POST \/send\/bob +close$/u)
      assert.deepStrictEqual(bodies, ["hi"])
    })
  )

  it.scopedLive("has at most 16 KiB of headers, and says so", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const request = (length: number) => exchange(server, `GET /${"x".repeat(length)} HTTP/1.1\r\n${close}`)
      const close = `Host: ${hostOf(server)}\r\nConnection: close\r\n\r\n`
      assert.match(yield* request(16_000), /^HTTP\/1\.1 404 /u)
      assert.match(yield* request(17_000), /^HTTP\/1\.1 431 [^]*more than 16384 bytes\n$/u)
    })
  )

  it.scopedLive("becomes none while an answer is awaited, which would come in the middle of it", () =>
    Effect.gen(function* () {
      const server = yield* start({
        handler: (_, response) => void setTimeout(() => response.end("late"), 50)
      })
      const upgrade = WebSocketStream.upgradeRequest(hostOf(server), {})
      const answer = yield* exchange(server, `GET / HTTP/1.1\r\nHost: ${hostOf(server)}\r\n\r\n${upgrade}`)
      assert.match(answer, /^HTTP\/1\.1 200 OK\r\nconnection: close\r\n[^]*late/u)
      assert.notInclude(answer, "101 ")
    })
  )

  it.scopedLive("keeps room: a new connection closes the one whose last request is the longest ago", () =>
    Effect.gen(function* () {
      const server = yield* start({ limits: { ...webLimits, maxHttpConnections: 4 } })
      const sockets = yield* Effect.forEach(Array.from({ length: 4 }), () => dial(server))
      let closed = 0
      for (const socket of sockets) {
        socket.on("close", () => (closed += 1))
        socket.resume()
        socket.write("GET /chat HTTP/1.1\r\nHost: ")
      }
      const alice = yield* server.join("alice")
      yield* eventually(() => closed > 0, "no connection made room")
      // WebSockets do not count, so many of them leave the room to others.
      yield* Effect.forEach(Array.from({ length: 8 }), (_, index) => server.join(`client${index}`))
      yield* alice.barrier
    })
  )

  it.scopedLive("keeps room: a connection whose upgrade comes before an answer counts until it ends", () =>
    Effect.gen(function* () {
      const responses: Array<ServerResponse> = []
      const server = yield* start({
        handler: (_, response) => void responses.push(response),
        limits: { ...webLimits, maxHttpConnections: 4 }
      })
      const request = `GET / HTTP/1.1\r\nHost: ${hostOf(server)}\r\n\r\n`
      const upgrade = WebSocketStream.upgradeRequest(hostOf(server))
      let closed = 0
      for (let count = 1; count <= 8; count++) {
        const socket = yield* dial(server)
        socket.on("close", () => (closed += 1)).resume()
        socket.write(request + upgrade)
        yield* eventually(() => responses.length === count, "a request is not carried out")
      }
      yield* eventually(() => closed === 4, "there are more connections than the server may have")
      for (const response of responses) response.end()
    })
  )

  it.scopedLive("is one request: what could be two is refused (request smuggling)", () =>
    Effect.gen(function* () {
      const handled: Array<string | undefined> = []
      const server = yield* start({
        handler: (request, response) => {
          handled.push(request.url)
          response.end("handled")
        }
      })
      const host = `Host: ${hostOf(server)}\r\n`
      const smuggled = `GET /smuggled HTTP/1.1\r\n${host}\r\n`
      const cases = [
        `POST / HTTP/1.1\r\n${host}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
        `POST / HTTP/1.1\r\n${host}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd${smuggled}`,
        `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${smuggled}`,
        `GET / HTTP/1.1\r\n${host}X: a\nY: b\r\n\r\n`,
        `GET / HTTP/1.1\r\n${host}X : a\r\n\r\n`
      ]
      for (const request of cases) {
        assert.match(yield* exchange(server, request), /^HTTP\/1\.1 400 Bad Request\r\nConnection: close\r\n/u, request)
      }
      assert.isEmpty(handled)
    })
  )

  it.scopedLive("survives whatever bytes arrive, and other clients do not notice", () =>
    Effect.gen(function* () {
      const server = yield* start({ limits: { ...webLimits, requestTimeout: "200 millis" } })
      const alice = yield* server.join("alice")
      const request = Buffer.from(WebSocketStream.upgradeRequest(hostOf(server)))
      let seed = 1
      const random = (below: number) => {
        seed = (seed * 16_807) % 2_147_483_647
        return seed % below
      }
      const mutants = Array.from({ length: 300 }, () => {
        const bytes = Buffer.concat([request, clientFrame({ text: "bob\n" })])
        for (let count = 1 + random(4); count > 0; count--) bytes[random(bytes.length)] = random(256)
        return bytes.subarray(0, random(3) === 0 ? random(bytes.length) : bytes.length)
      })
      yield* Effect.forEach(
        mutants,
        (bytes) =>
          Effect.gen(function* () {
            const socket = yield* dial(server)
            socket.end(bytes)
            socket.resume()
            yield* Effect.async<void>((resume) => void socket.once("close", () => resume(Effect.void)))
          }).pipe(Effect.scoped),
        { concurrency: 20, discard: true }
      )
      yield* alice.barrier
    })
  )

  it.scopedLive("has the client's address from allowed proxies only", () =>
    Effect.gen(function* () {
      const all = [Proxy.parseRange("127.0.0.1"), Proxy.parseRange("10.0.0.0/8")].filter((range) => range !== undefined)
      const trusting = yield* start({ forwardedFrom: Proxy.ranges(all) })
      const other = yield* start({ forwardedFrom: Proxy.ranges(all.slice(1)) })
      const cases: ReadonlyArray<
        readonly [server: SocketServer, forwarded: string | ReadonlyArray<string>, remote: RegExp]
      > = [
        [trusting, "203.0.113.7", /^203\.0\.113\.7:/u],
        // What the client itself has written stands first.
        [trusting, "198.51.100.1, 203.0.113.7, 10.0.0.3", /^203\.0\.113\.7:/u],
        [trusting, ["198.51.100.1", "203.0.113.7"], /^203\.0\.113\.7:/u],
        [trusting, "203.0.113.7, nonsense", /^127\.0\.0\.1:/u],
        [trusting, "2001:db8::7", /^\[2001:db8::7\]:/u],
        [other, "203.0.113.7", /^127\.0\.0\.1:/u]
      ]
      for (const [index, [server, forwarded, remote]] of cases.entries()) {
        const stream = yield* open(server, { headers: { "X-Forwarded-For": forwarded } })
        stream.write(`client${index}\n/quit\n`)
        assert.match(String((yield* server.farewell(`client${index}`))["remote"]), remote, String(forwarded))
      }
      // Behind a proxy with TLS, a page's own origin is https.
      const headers = { "X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https" }
      assert.strictEqual(
        yield* statusOf(trusting, { headers: { ...headers, Origin: `https://${hostOf(trusting)}` } }),
        101
      )
      assert.strictEqual(yield* statusOf(other, { headers: { ...headers, Origin: `https://${hostOf(other)}` } }), 403)
    })
  )
})
