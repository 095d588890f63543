import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Server from "../../src/chat/Server.js"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Exit from "effect/Exit"
import * as Tcp from "../../src/transport/Tcp.js"
import { eventually } from "../support/Eventually.js"
import * as FakeServer from "../support/FakeServer.js"
import * as LocalServer from "../support/LocalServer.js"
import { openTerminal } from "../support/MemoryTerminal.js"
import * as Program from "../support/Program.js"
import * as Servers from "../../src/client/Servers.js"
import * as WireClient from "../support/WireClient.js"

/** A server that takes the connection, and refuses the login. */
const refusing = (line: string) =>
  FakeServer.make((socket) => {
    socket.once("data", () => socket.end(`${line}\n`))
    socket.on("end", () => socket.end())
  })

const silent = FakeServer.make(() => {})

/** An address where nobody listens. */
const nobody = Effect.scoped(FakeServer.make(() => {}))

const listed = (...addresses: ReadonlyArray<Pick<Tcp.TcpAddress, "text">>) =>
  addresses.map(({ text }) => text).join(",")

/** A server that goes when its scope is closed, and asks its clients to come back much later. */
const going = Server.start({
  listen: [Tcp.listen("127.0.0.1", 0)],
  grace: Duration.seconds(1),
  returnAfter: Duration.minutes(1)
}).pipe(Effect.orDie, Logger.withMinimumLogLevel(LogLevel.None))

const withBob = Effect.gen(function* () {
  const { address } = yield* LocalServer.start()
  const bob = yield* WireClient.join(address, "bob")
  return { address, bob }
})

const run = (...flags: ReadonlyArray<string>) => Program.run(["who", ...flags])

describe("Clients with several servers", () => {
  it.scopedLive("send over the first one that is there and takes them", () =>
    Effect.gen(function* () {
      const { address, bob } = yield* withBob
      const suspended = yield* refusing("! slow-down retry=60000 fatal: x")
      const list = listed(yield* nobody, suspended, address)
      const { errors, status } = yield* Program.run(["send", "--server", list, "bob", "hi"])
      assert.deepStrictEqual([status, errors], [0, ""])
      yield* bob.until("the line", () => bob.lines.some((line) => line.endsWith(": hi")) || undefined)
    })
  )

  it.scopedLive("send over the next one if the first takes connections and answers none", () =>
    Effect.gen(function* () {
      const { address } = yield* withBob
      const list = listed(yield* silent, address)
      const sent = yield* Program.run(["send", "--host", list, "--timeout", "2s", "bob", "hi"])
      assert.strictEqual(sent.status, 0)
    })
  )

  it.scopedLive("report why each of them cannot be used", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* nobody, yield* nobody]
      const { errors, status } = yield* Program.run(["who", "--host", listed(a, b)])
      assert.strictEqual(status, 2)
      const why = "no server is listening there"
      const advice = "start the server, or check --host and --port (or --unix)"
      assert.strictEqual(
        errors,
        `a-chat: cannot connect to ${a.text}: ${why}; cannot connect to ${b.text}: ${why}; ${advice}\n`
      )
    })
  )

  it.scopedLive("refuse a list with a mistake", () =>
    Effect.gen(function* () {
      const host = yield* run("--host", "a:1,,b:2")
      assert.deepStrictEqual(host, {
        status: 2,
        output: "",
        errors: 'a-chat: --host: "a:1,,b:2" has an empty server between its commas\n'
      })
      const server = yield* run("--server", "a:1,unix:/s")
      assert.strictEqual(
        server.errors,
        'a-chat: --server: "a:1,unix:/s" has a Unix socket; only servers on TCP can be several\n'
      )
      const port = yield* run("--host", "a:1,b:2", "--port", "3")
      assert.strictEqual(port.errors, "a-chat: --port has no effect: each of the servers has its own\n")
    })
  )

  it.scopedLive("listen at another one when theirs goes, without waiting for its return", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const first = yield* Scope.extend(going, scope)
      const second = yield* going
      const list = listed(first.address, second.address)
      const listener = yield* Program.start(["listen", "--server", list, "--login", "bob", "--count", "1"])
      const alice = yield* WireClient.join(second.address, "alice")
      yield* eventually(() => Effect.runSync(first.names).includes("bob"), "bob is not there")
      yield* Scope.close(scope, Exit.void)
      yield* eventually(() => Effect.runSync(second.names).includes("bob"), "bob is not at the other one")
      yield* alice.send("bob: hi\n")
      assert.strictEqual((yield* listener.ended).output, "from alice: hi\n")
    })
  )

  it.scopedLive("chat at another one, and show which", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const first = yield* Scope.extend(going, scope)
      const second = yield* going
      const servers = Servers.make([Tcp.connect(first.address), Tcp.connect(second.address)])
      const where = listed(first.address, second.address)
      const alice = yield* openTerminal(servers.socket, { elsewhere: servers, where, columns: 120 })
      yield* alice.sees(`connected to ${first.address.text} as alice`)
      yield* Scope.close(scope, Exit.void)
      yield* alice.sees(`connected to ${second.address.text} again`)
    })
  )
})
