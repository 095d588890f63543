import { assert, describe, it } from "@effect/vitest"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Scope from "effect/Scope"
import { execFile } from "node:child_process"
import { request } from "node:http"
import { connect } from "node:net"
import * as Admin from "../../src/admin/Admin.js"
import type { ConnectionInfo } from "../../src/chat/Inspection.js"
import * as Server from "../../src/chat/Server.js"
import * as CloseReason from "../../src/protocol/CloseReason.js"
import * as Client from "../../src/client/Client.js"
import * as Memory from "../../src/ports/Memory.js"
import { account, ask as inRoom, startRooms } from "../support/Rooms.js"

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

/** The admin endpoint of a server, and a request to it. */
const endpoint = (server: Server.ServerHandle, rooms?: Admin.AdminOptions["rooms"]) =>
  Effect.gen(function* () {
    const options = { host: "127.0.0.1", port: 0, version: "1.2.3", descriptorLimit: 99, maxConnections: 64 }
    const { port = 0 } = yield* Admin.serve({ ...options, server, rooms })
    const ask = (path: string, more: { readonly host?: string; readonly method?: string } = {}) =>
      Effect.async<Answer>((resume) => {
        const { host = `127.0.0.1:${port}`, method = "GET" } = more
        const asked = request({ host: "127.0.0.1", port, path, method, headers: { host } }, (response) => {
          let body = ""
          response.setEncoding("utf8").on("data", (text: string) => (body += text))
          response.on("end", () =>
            resume(Effect.succeed({ status: response.statusCode ?? 0, headers: response.headers, body }))
          )
        })
        asked.on("error", (error) => resume(Effect.die(error)))
        asked.end()
      })
    return { port, ask }
  })

const watched = (options: Partial<Server.StandaloneOptions> = {}) =>
  Effect.gen(function* () {
    const network = yield* Memory.make()
    const server = yield* Server.start({ listen: [network.listen], ...options })
    const join = (login: string) => Client.connect({ socket: network.connect, login })
    return { server, join, ...(yield* endpoint(server)) }
  }).pipe(Logger.withMinimumLogLevel(LogLevel.None))

/**
 * A server whose list of connections has this many megabytes: more than the kernel's buffers hold. Few long entries
 * take less CPU time than many short ones.
 */
const crowded = (megabytes: number) =>
  Effect.gen(function* () {
    const { join, server } = yield* watched()
    yield* join("alice")
    const [alice] = (yield* server.inspect).connections
    const long = { ...JSON.parse(JSON.stringify(alice)), remote: "x".repeat(1_000) } as ConnectionInfo
    const connections = Arr.makeBy(megabytes * 1_000, () => long)
    return yield* endpoint({ ...server, inspect: Effect.map(server.inspect, (found) => ({ ...found, connections })) })
  })

/** A client that asks for all connections, and stops reading at the beginning of the answer. */
const askAndStop = (port: number) =>
  Effect.gen(function* () {
    const client = yield* dial(port, "GET /connections?limit=100000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    yield* client.answered
    client.socket.pause()
    return client
  })

const answersAtOnce = ({ ask }: Effect.Effect.Success<ReturnType<typeof endpoint>>) =>
  Effect.gen(function* () {
    for (let at = 0; at < 10; at++) {
      const began = performance.now()
      assert.strictEqual((yield* ask("/healthz")).body, "ok\n")
      assert.isBelow(performance.now() - began, 1_000)
    }
  })

/** A client that sends this text. */
const dial = (port: number, text: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const socket = connect(port, "127.0.0.1").setEncoding("latin1")
      let heard = ""
      const answered = new Promise<void>((resolve) => socket.on("data", () => resolve()))
      const ended = new Promise<string>((resolve) => socket.on("close", () => resolve(heard)))
      socket.on("data", (some) => (heard += some)).on("error", () => {}) // the end of the connection is what counts
      socket.write(text)
      return { socket, answered: Effect.promise(() => answered), ended: Effect.promise(() => ended) }
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

/** The value of a series, such as `name` or `name{label="value"}`. */
const value = (text: string, series: string) => {
  const line = text.split("\n").find((one) => one.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}

describe("Admin", () => {
  it.scopedLive("counts lines, logins, refusals and outcomes in /metrics", () =>
    Effect.gen(function* () {
      const { ask, join } = yield* watched()
      const before = (yield* ask("/metrics")).body
      const alice = yield* join("alice")
      yield* join("bob")
      yield* alice.deliver(["alice", "bob", "carol"], "hi")
      yield* alice.sendLine("nonsense")
      yield* alice.deliver(["alice"], "there")
      const { body, headers, status } = yield* ask("/metrics")
      assert.deepStrictEqual([status, headers["content-type"]], [200, "text/plain; version=0.0.4; charset=utf-8"])
      const grew = (series: string) => (value(body, series) ?? NaN) - (value(before, series) ?? 0)
      // One of the five pairs is the message that each client sends to itself while it logs in.
      assert.strictEqual(grew("achat_pairs_accepted_total"), 5)
      assert.strictEqual(grew("achat_pairs_written_total"), 4)
      assert.strictEqual(grew("achat_pairs_returned_total"), 1)
      assert.strictEqual(grew("achat_logins_total"), 2)
      assert.strictEqual(grew("achat_connections_opened_total"), 2)
      assert.strictEqual(grew('achat_refusals_total{code="bad-line"}'), 1)
      assert.strictEqual(grew('achat_pairs_undelivered_total{reason="offline"}'), 1)
      assert.strictEqual(grew("achat_lines_received_total"), 9)
      assert.strictEqual(grew("achat_delivery_seconds_count"), grew("achat_lines_sent_total"))
      assert.strictEqual(value(body, "achat_peers"), 2)
      assert.strictEqual(value(body, "achat_pairs_unaccounted"), 0)
      assert.strictEqual(value(body, "process_max_fds"), 99)
      assert.isAbove(value(body, "process_resident_memory_bytes") ?? 0, 1e6)
      assert.include(body, 'achat_build_info{version="1.2.3",')
    })
  )

  it.scopedLive("shows every counter from the start, since Prometheus misses the first increment of a new series", () =>
    Effect.gen(function* () {
      const { ask } = yield* watched()
      const { body } = yield* ask("/metrics")
      const shown = (pattern: RegExp) => Array.from(body.matchAll(pattern), ([, one]) => one)
      assert.sameMembers(shown(/^achat_connections_closed_total\{reason="([^"]*)"\} \d+$/gmu), [
        ...CloseReason.closeReasons
      ])
      assert.includeMembers(shown(/^achat_refusals_total\{code="([^"]*)"\} \d+$/gmu), ["bad-line", "full", "slow-down"])
      const undelivered = shown(/^achat_pairs_undelivered_total\{reason="([^"]*)"\} \d+$/gmu)
      const ofLines = ["offline", "disconnected", "busy", "slow", "unreachable"]
      const ofKeptLines = ["full", "unavailable", "expired", "removed"]
      const ofRooms = ["no-room", "not-member", "silenced", "slow-mode"]
      assert.sameMembers(undelivered, [...ofLines, ...ofKeptLines, ...ofRooms, "node-lost"])
      for (const name of ["logins", "connections_opened", "connections_dropped", "pairs_accepted", "pairs_dead"]) {
        assert.isDefined(value(body, `achat_${name}_total`), name)
      }
    })
  )

  it.scopedLive("renders metrics that promtool accepts", (context) =>
    Effect.gen(function* () {
      const { ask, join } = yield* watched()
      yield* (yield* join("alice")).deliver(["bob"], "hi")
      const { body } = yield* ask("/metrics")
      const verdict = yield* Effect.async<string>((resume) => {
        const promtool = execFile("promtool", ["check", "metrics"], (error, output, errors) =>
          resume(Effect.succeed(error?.code === "ENOENT" ? "missing" : `${error?.code ?? 0} ${output}${errors}`))
        )
        promtool.stdin?.on("error", () => {})
        promtool.stdin?.end(body)
      })
      if (verdict === "missing") return context.skip("promtool is not installed (package prometheus)")
      return assert.strictEqual(verdict, "0 ")
    })
  )

  it.scopedLive("is healthy all the time, and ready until the drain begins", () =>
    Effect.gen(function* () {
      const { ask, server } = yield* watched()
      assert.deepStrictEqual([(yield* ask("/healthz")).body, (yield* ask("/readyz")).body], ["ok\n", "ready\n"])
      yield* Logger.withMinimumLogLevel(server.drain, LogLevel.None)
      assert.strictEqual((yield* ask("/healthz")).status, 200)
      assert.strictEqual((yield* ask("/readyz")).status, 503)
    })
  )

  it.scopedLive("lists the connections, and those that ended, with their reasons", () =>
    Effect.gen(function* () {
      const { ask, join } = yield* watched()
      const alice = yield* join("alice")
      yield* join("<img src=x onerror=alert(1)>").pipe(Effect.ignore) // refused, of course
      yield* alice.deliver(["alice"], "hi")
      const { body, headers } = yield* ask("/connections?sort=name")
      assert.strictEqual(headers["content-type"], "application/json")
      const { closed, connections, isDraining, now, total } = JSON.parse(body)
      assert.deepStrictEqual([total, isDraining, connections.length, closed.length], [1, false, 1, 1])
      const { name, remote, since, state } = connections[0]
      assert.deepStrictEqual([name, remote, state], ["alice", "memory:1", "open"])
      assert.isAtMost(since, now)
      assert.deepStrictEqual([closed[0].name, closed[0].reason], ["", "bad-login"])
      const wrong = yield* ask("/connections?limit=-1")
      assert.deepStrictEqual(
        [wrong.status, JSON.parse(wrong.body)],
        [400, { error: "limit: must be a whole number from 0 to 100000" }]
      )
    })
  )

  it.scoped("lists the rooms, those with the most members first, without what was written there", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms()
      const [alice, bob] = [yield* account(chat, "alice"), yield* account(chat, "bob")]
      yield* inRoom(
        alice,
        "/join #few",
        "/join #ops",
        "/topic #ops a secret plan",
        "/lock #few",
        "/slow #ops 5s",
        "#ops: x"
      )
      yield* inRoom(bob, "/join #ops")
      const { ask } = yield* endpoint(chat.server, chat.operations.list)
      const { body, headers } = yield* ask("/rooms")
      assert.strictEqual(headers["content-type"], "application/json")
      const facts = { here: 1, waiting: 0, owner: "alice" }
      const few = { name: "#few", members: 1, ...facts, last: 0, isLocked: true, slowMillis: 0 }
      const ops = { name: "#ops", members: 2, ...facts, here: 2, last: 1, isLocked: false, slowMillis: 5000 }
      assert.deepStrictEqual(JSON.parse(body), { total: 2, rooms: [ops, few] })
      assert.deepStrictEqual(JSON.parse((yield* ask("/rooms?limit=1")).body), { total: 2, rooms: [ops] })
      for (const [query, error] of [
        ["limit=-1", "limit: must be a whole number from 0 to 100000"],
        ["limit=100001", "limit: must be a whole number from 0 to 100000"],
        ["sort=name", "unknown parameter sort; allowed: limit"]
      ]) {
        const wrong = yield* ask(`/rooms?${query}`)
        assert.deepStrictEqual([wrong.status, JSON.parse(wrong.body)], [400, { error }])
      }
      const { ask: askWithout } = yield* watched()
      assert.deepStrictEqual(JSON.parse((yield* askWithout("/rooms")).body), { rooms: [] })
    })
  )

  it.scopedLive("accepts an IP address or localhost as its host, and only GET and HEAD", () =>
    Effect.gen(function* () {
      const { ask, port } = yield* watched()
      for (const host of ["localhost", `LocalHost:${port}`, "localhost.", "[::1]:1", "127.0.0.1"]) {
        assert.strictEqual((yield* ask("/healthz", { host })).status, 200, host)
      }
      for (const host of ["evil.example", "evil.example:80", "127.0.0.1.evil.example"]) {
        assert.strictEqual((yield* ask("/healthz", { host })).status, 421, host)
      }
      for (const method of ["POST", "PUT", "DELETE"]) {
        const { headers, status } = yield* ask("/metrics", { method })
        assert.deepStrictEqual([status, headers["allow"]], [405, "GET, HEAD"], method)
      }
      const head = yield* ask("/metrics", { method: "HEAD" })
      assert.deepStrictEqual([head.status, head.body], [200, ""])
      // A health check that speaks HTTP/1.0 sends no host.
      const old = yield* dial(port, "GET /healthz HTTP/1.0\r\n\r\n")
      assert.match(yield* old.ended, /^HTTP\/1.1 200 /u)
    })
  )

  it.scopedLive("makes room for requests by closing idle connections", () =>
    Effect.gen(function* () {
      const { ask, port } = yield* watched()
      const keep = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
      const idle = yield* Effect.forEach(Arr.range(1, 64), () => dial(port, keep), { concurrency: "unbounded" })
      for (const { answered } of idle) yield* answered
      yield* (yield* dial(port, keep)).answered // beyond the limit of 64
      assert.strictEqual((yield* ask("/healthz")).body, "ok\n")
      for (const { ended } of idle) assert.match(yield* ended, /^HTTP\/1.1 200 /u)
    })
  )

  it.scopedLive("answers a request that offers another protocol as if it did not", () =>
    Effect.gen(function* () {
      const { port } = yield* watched()
      const headers = "Host: localhost\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n"
      assert.match(yield* (yield* dial(port, `GET /healthz HTTP/1.1\r\n${headers}`)).ended, /^HTTP\/1.1 200 [^]*ok\n$/u)
    })
  )

  const slow = [
    ["send their requests slowly", "GET /metrics HTTP/1.1\r\nHost: localhost\r\n"] as const,
    ["send nothing", ""] as const
  ]
  for (const [what, text] of slow) {
    it.scopedLive(`answers at once next to a hundred clients that ${what}`, () =>
      Effect.gen(function* () {
        const admin = yield* watched()
        yield* Effect.forEach(Arr.range(1, 100), () => dial(admin.port, text), { concurrency: "unbounded" })
        yield* answersAtOnce(admin)
      })
    )
  }

  it.scopedLive("answers at once next to more clients that do not read than there are places", () =>
    Effect.gen(function* () {
      const admin = yield* crowded(6)
      yield* Effect.forEach(Arr.range(1, 66), () => askAndStop(admin.port))
      yield* answersAtOnce(admin)
    })
  )

  it.scopedLive("computes one answer at a time for each client, whatever it has asked for", () =>
    Effect.gen(function* () {
      const { server } = yield* watched()
      let measured = 0
      const counting = Effect.sync(() => (measured += 1))
      const { port } = yield* endpoint({ ...server, measure: Effect.zipRight(counting, server.measure) })
      const flood = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1_000)
      yield* (yield* dial(port, flood)).ended
      assert.isAtMost(measured, 1)
    })
  )

  it.scopedLive("stops with the server, even while requests are in progress", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { port } = yield* Effect.provideService(watched(), Scope.Scope, scope)
      const half = yield* dial(port, "GET /metr")
      const unread = yield* dial(port, "GET /page.js HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1_000))
      unread.socket.pause()
      const whole = yield* dial(port, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
      yield* whole.answered
      yield* Scope.close(scope, Exit.void)
      yield* half.ended
      yield* whole.ended
    })
  )

  it.scopedLive("forbids caching, framing and foreign content in every answer", () =>
    Effect.gen(function* () {
      const { ask } = yield* watched()
      for (const path of ["/", "/page.js", "/page.css", "/metrics", "/connections", "/nothing"]) {
        const { headers } = yield* ask(path)
        assert.match(String(headers["content-security-policy"]), /^default-src 'none'; .*frame-ancestors 'none'$/u)
        assert.deepStrictEqual([headers["cache-control"], headers["x-content-type-options"]], ["no-store", "nosniff"])
      }
      assert.strictEqual((yield* ask("/nothing")).status, 404)
    })
  )

  it.scopedLive("reports why it cannot listen", () =>
    Effect.gen(function* () {
      const { port, server } = yield* watched()
      const error = yield* Effect.flip(
        Admin.serve({ host: "127.0.0.1", port, server, version: "1", descriptorLimit: 1, maxConnections: 64 })
      )
      assert.strictEqual(error.hint, "port-in-use")
      assert.match(error.message, /^cannot listen on 127\.0\.0\.1:\d+: the address is in use/u)
    })
  )
})

// Side by side: both mostly wait.
describe.concurrent("Admin, with a client that takes its time", () => {
  it.scopedLive(
    "closes a connection that does not read its answer for 10 s",
    () =>
      Effect.gen(function* () {
        const { port } = yield* crowded(15)
        const began = performance.now()
        const unread = yield* askAndStop(port)
        yield* Effect.sleep("11 seconds")
        unread.socket.resume()
        assert.notMatch(yield* unread.ended, /\r\n0\r\n\r\n$/u)
        assert.isBelow(performance.now() - began, 15_000)
      }),
    30_000
  )

  it.scopedLive(
    "closes a connection whose request takes longer than 10 s",
    () =>
      Effect.gen(function* () {
        const { port } = yield* watched()
        const began = performance.now()
        const slow = yield* dial(port, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n")
        assert.notMatch(yield* slow.ended, / 200 /u)
        const took = performance.now() - began
        assert.isAtLeast(took, 9_900)
        assert.isBelow(took, 20_000)
      }),
    30_000
  )
})
