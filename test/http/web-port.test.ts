import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { readFileSync } from "node:fs"
import * as Https from "node:https"
import * as Net from "node:net"
import { assert } from "vitest"
import { WebSocket as WsClient } from "ws"
import type { MemoryUse } from "../../src/ports/Transport.js"
import * as Proxy from "../../src/transport/Proxy.js"
import * as Tls from "../../src/transport/Tls.js"
import * as Certificates from "../support/Certificates.js"
import { login, messages } from "../support/Conversations.js"
import { authorization, startDoor, type DoorServer } from "../support/DoorServer.js"
import { eventually } from "../support/Eventually.js"
import { webLimits } from "../support/WebSocketServer.js"

const file = (name: string) => readFileSync(Certificates.path(name))

/** What a client presents: the certificate of that name. */
const certified = (name: string) => ({ ca: file("ca"), cert: file(name), key: file(`${name}.key`) })

/** A request over TLS: its status, and the text of the answer. */
const askWith = (
  { port }: DoorServer,
  tls: Https.RequestOptions,
  method: string,
  path: string,
  headers: Record<string, string> = {}
) =>
  Effect.async<readonly [status: number, text: string]>((resume) => {
    const request = Https.request(
      { host: "127.0.0.1", port, method, path, headers, agent: false, ...tls },
      (response) => {
        let text = ""
        response.on("data", (part: Buffer) => (text += part.toString()))
        response.on("end", () => resume(Effect.succeed([response.statusCode ?? 0, text])))
      }
    )
    request.on("error", (error) => resume(Effect.die(error)))
    request.end(method === "POST" ? "hi" : "")
  })

const startCertified = Effect.gen(function* () {
  const credentials = yield* Effect.orDie(
    Tls.credentials({ ...Certificates.pair("server"), clientCa: Certificates.path("ca") })
  )
  return yield* startDoor({ web: { tls: { credentials } } })
})

/** Sends bytes over TCP, and collects the answer. */
const dial = ({ port }: DoorServer, bytes: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const socket = Net.connect({ port, host: "127.0.0.1" })
      const client = { socket, text: "" }
      socket.on("error", () => {})
      socket.on("data", (chunk: Buffer) => (client.text += chunk.toString()))
      socket.write(bytes)
      return client
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

const answer = (server: DoorServer, bytes: string) =>
  Effect.gen(function* () {
    const client = yield* dial(server, bytes)
    yield* eventually(() => client.socket.destroyed || client.text.includes("\r\n\r\n"), "no answer")
    return client.text
  }).pipe(Effect.scoped)

const allowed = (...texts: ReadonlyArray<string>) =>
  Proxy.ranges(texts.map((text) => Proxy.parseRange(text)).filter((range) => range !== undefined))

describe("client certificates", () => {
  it.scoped("are the login of an account over HTTPS, and of no other", () =>
    Effect.gen(function* () {
      const server = yield* startCertified
      const alice = certified("alice")
      const bob = yield* server.connect
      bob.say(...login("bob"))
      for (const path of ["/send/bob", "/send/bob?from=alice", "/send/bob?from=alice/ci"]) {
        const [status, text] = yield* askWith(server, alice, "POST", path)
        assert.deepStrictEqual([status, JSON.parse(text).outcomes[0].outcome], [200, "stored"], path)
      }
      yield* eventually(() => messages(bob).length === 3, "a line is missing")
      assert.deepStrictEqual(messages(bob), Array<string>(3).fill("from alice: hi"))
      for (const path of ["/send/bob?from=bob", "/send/bob?from=carol", "/listen?from=carol"]) {
        const [status, text] = yield* askWith(server, alice, path.startsWith("/send") ? "POST" : "GET", path)
        assert.deepStrictEqual([status, JSON.parse(text).error.code], [400, "bad-login"], path)
      }
      const [status] = yield* askWith(server, alice, "GET", "/history/bob")
      assert.strictEqual(status, 200)
    })
  )

  it.scoped("are needed for each request and each WebSocket, and the response says what is wrong with them", () =>
    Effect.gen(function* () {
      const server = yield* startCertified
      const cases: ReadonlyArray<readonly [string, Https.RequestOptions]> = [
        ["none", { ca: file("ca") }],
        ["of another authority", certified("mallory")],
        ["without a name", certified("nameless")],
        ["with two names", certified("twins")]
      ]
      for (const [name, tls] of cases) {
        for (const path of ["/who", "/", "/chat"]) {
          const [status, text] = yield* askWith(server, tls, "GET", path)
          assert.strictEqual(status, 403, name)
          assert.match(text, /certificate/u, name)
        }
      }
      assert.match(
        yield* answer(server, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        /^HTTP\/1\.1 400 [^]*speaks HTTPS/u
      )
    })
  )

  it.scoped("continue a stream only if they have opened it", () =>
    Effect.gen(function* () {
      const server = yield* startCertified
      const bob = yield* server.connect
      bob.say(...login("bob"))
      const [status, text] = yield* Effect.async<readonly [number, string]>((resume) => {
        const options = { host: "127.0.0.1", port: server.port, path: "/listen", agent: false, ...certified("alice") }
        const request = Https.get(options, (response) => {
          response.once("data", () => bob.say("alice: for alice"))
          let text = ""
          response.on("data", (part: Buffer) => {
            text += part.toString()
            if (!text.includes("for alice")) return
            request.destroy()
            resume(Effect.succeed([response.statusCode ?? 0, text]))
          })
          response.on("error", () => {})
        })
        request.on("error", () => {})
      })
      const [, id = ""] = /^id: (.*)$/mu.exec(text) ?? []
      assert.strictEqual(status, 200)
      const headers = { "last-event-id": id }
      // The certificate of the server, which has another name.
      const other = yield* askWith(server, certified("server"), "GET", "/listen?from=alice", headers)
      assert.deepStrictEqual([other[0], JSON.parse(other[1]).error.code], [400, "bad-login"])
    })
  )

  it.scoped("are the login of an account over WebSocket", () =>
    Effect.gen(function* () {
      const server = yield* startCertified
      const open = (name: string) =>
        Effect.acquireRelease(
          Effect.sync(() => {
            const client = new WsClient(`wss://127.0.0.1:${server.port}/chat`, "a-chat", certified("alice"))
            const opened = { client, text: "" }
            client.on("message", (data: Buffer) => (opened.text += data.toString()))
            client.on("open", () => client.send(`/hello\n${name}\n/hello\n`))
            return opened
          }),
          ({ client }) => Effect.sync(() => client.terminate())
        )
      const alice = yield* open("alice/phone")
      yield* eventually(() => alice.text.includes(" device=phone"), "alice is not logged in")
      const other = yield* open("bob")
      yield* eventually(() => other.text.includes("! bad-login fatal"), "bob was not refused")
    })
  )
})

/** Bytes of a client at this address, as a proxy passes them on. */
const announced = (host: string, bytes: string) => `PROXY TCP4 ${host} 192.0.2.1 5000 80\r\n${bytes}`

const who = "GET /who HTTP/1.1\r\nHost: localhost\r\n\r\n"

describe("behind a proxy", () => {
  it.scoped("that announces addresses, these are the clients', and X-Forwarded-For is none", () =>
    Effect.gen(function* () {
      const proxy = { from: allowed("127.0.0.1"), timeout: "30 seconds" } as const
      const server = yield* startDoor({ web: { proxy } })
      const client = yield* dial(
        server,
        announced(
          "203.0.113.7",
          "GET /listen?from=x HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 198.51.100.1\r\n\r\n"
        )
      )
      yield* eventually(() => client.text.includes(" 200 OK"), "no stream")
      const { connections } = yield* server.server.inspect
      assert.deepStrictEqual(
        connections.map(({ remote }) => remote),
        ["203.0.113.7:5000"]
      )
      // A client that is no proxy, and bytes that are no header.
      const other = yield* startDoor({ web: { proxy: { ...proxy, from: allowed("192.0.2.1") } } })
      assert.strictEqual(yield* answer(other, announced("203.0.113.7", who)), "")
      assert.strictEqual(yield* answer(server, who), "")
    })
  )

  it.scoped("one client can have a quarter of the connections, and keeps no other out", () =>
    Effect.gen(function* () {
      const proxy = { from: allowed("127.0.0.1"), timeout: "30 seconds" } as const
      const limits = { ...webLimits, maxHttpConnections: 8 }
      const server = yield* startDoor({ web: { proxy, limits } })
      const patient = yield* dial(
        server,
        announced("203.0.113.7", "GET /listen?from=x HTTP/1.1\r\nHost: localhost\r\n\r\n")
      )
      yield* eventually(() => patient.text.includes(" 200 OK"), "no stream")
      const greedy = yield* Effect.forEach(Array.from({ length: 12 }), () =>
        dial(server, announced("198.51.100.1", "GET / HTTP/1.1\r\n"))
      )
      yield* eventually(
        () => greedy.filter(({ socket }) => socket.destroyed).length === 10,
        "not all but a quarter ended"
      )
      assert.isFalse(patient.socket.destroyed)
      assert.match(yield* answer(server, announced("203.0.113.8", who)), /^HTTP\/1\.1 200 /u)
    })
  )
})

/** A part of a budget, and how much of it is used. */
class Account implements MemoryUse {
  used = 0
  most = 0

  constructor(private readonly limit: number) {}

  get share() {
    return this.limit - this.used
  }

  use(bytes: number) {
    this.used += bytes
    this.most = Math.max(this.most, this.used)
  }
}

/** A request whose body does not end. */
const unfinished = (
  server: DoorServer,
  length: number
): Effect.Effect<{ text: string; socket: Net.Socket }, never, Scope.Scope> =>
  dial(server, `POST /send/dana HTTP/1.1\r\nHost: x\r\nContent-Length: ${length + 1}\r\n\r\n${"x".repeat(length)}`)

describe("the memory of requests", () => {
  it.scoped("is limited for bodies: one more gets 503, and an aborted one releases what it held", () =>
    Effect.gen(function* () {
      const memory = new Account(2_000_000)
      const server = yield* startDoor({ memory })
      yield* server.join("dana")
      const bodies = yield* Effect.forEach(Array.from({ length: 8 }), () => unfinished(server, 500_000))
      yield* eventually(() => bodies.some(({ text }) => text !== ""), "none was refused")
      const refused = bodies.filter(({ text }) => text !== "")
      for (const { text } of refused) {
        assert.match(text, /^HTTP\/1\.1 503 [^]*retry-after: 1\r\nconnection: close\r\n[^]*"code":"full"/u)
      }
      assert.isAtMost(memory.most, 2_000_000)
      for (const { socket } of bodies) socket.destroy()
      yield* eventually(() => memory.used === 0, "memory is not released")
      assert.strictEqual((yield* server.ask("POST", "/send/dana", { body: "x".repeat(60_000) })).status, 200)
      yield* eventually(() => memory.used === 0, "memory is not released after an answer")
    })
  )

  it.scoped("is limited for outcomes: of many lines, also those of clients that have left", () =>
    Effect.gen(function* () {
      const memory = new Account(3_000_000)
      const server = yield* startDoor({ memory })
      const dana = yield* server.join("dana")
      // She takes nothing, so the lines wait, and with them their outcomes.
      dana.say("/hello ack")
      yield* dana.barrier
      const body = "x\n".repeat(5_000)
      const left = yield* dial(
        server,
        `POST /send/dana HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`
      )
      yield* eventually(() => messages(dana).length > 0, "no line came")
      left.socket.destroy()
      const { json, status } = yield* server.ask("POST", "/send/dana?from=ci", { body })
      assert.deepStrictEqual([status, json.error.code], [503, "full"])
      dana.say(`/ack ${messages(dana).length}`)
      yield* eventually(() => {
        dana.say(`/ack ${messages(dana).length}`)
        return memory.used === 0
      }, "memory is not released")
      assert.lengthOf(messages(dana), 5_000)
    })
  )

  it.scoped("is a part of the server's own budget, and of what its inspection accounts for", () =>
    Effect.gen(function* () {
      const server = yield* startDoor({ web: {}, server: { maxMemory: 4_000_000 } })
      const bodies = yield* Effect.forEach(Array.from({ length: 4 }), () => unfinished(server, 500_000))
      yield* eventually(() => bodies.some(({ text }) => text.includes(`"code":"full"`)), "none was refused")
      const { memoryBytes, memoryUnaccountedBytes } = yield* server.server.measure
      assert.strictEqual(memoryUnaccountedBytes, 0)
      assert.isAbove(memoryBytes, 500_000)
      for (const { socket } of bodies) socket.destroy()
      yield* eventually(() => Effect.runSync(server.server.memory).used < 100_000, "memory is not released")
    })
  )
})

describe("a body", () => {
  it.scoped("is asked for with 100 Continue, and of a client with HTTP/1.0 is not", () =>
    Effect.gen(function* () {
      const server = yield* startDoor({ web: {} })
      const headers = "Host: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
      for (const [version, status] of [
        ["1.1", "100 Continue"],
        ["1.0", "409 Conflict"]
      ] as const) {
        const text = yield* answer(server, `POST /send/dana HTTP/${version}\r\n${headers}\r\nhi`)
        assert.match(text, new RegExp(`^HTTP/1\\.1 ${status}\r\n`, "u"))
      }
    })
  )
})

describe("parameters", () => {
  it.scoped("are refused if they occur twice", () =>
    Effect.gen(function* () {
      const { ask } = yield* startDoor()
      const headers = authorization("alice")
      const { json, status } = yield* ask("POST", "/send/bob?wait=none&wait=outcomes", { body: "hi", headers })
      assert.deepStrictEqual([status, json.error.text], [400, "wait is there more than once"])
      assert.strictEqual((yield* ask("GET", "/listen?from=x&room=%23a&room=%23b&from=y")).status, 400)
    })
  )
})
