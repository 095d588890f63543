import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { existsSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Tcp from "../../src/transport/Tcp.js"
import { eventually } from "../support/Eventually.js"
import { received } from "../support/FaultTest.js"
import * as Program from "../support/Program.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import * as WireClient from "../support/WireClient.js"

/** The library that fakes a process's wall clock; undefined without `faketime`, or if this is not Linux. */
const libfaketime = (existsSync("/usr/lib") ? readdirSync("/usr/lib") : [])
  .map((folder) => join("/usr/lib", folder, "faketime", "libfaketimeMT.so.1"))
  .find((path) => existsSync(path))

const pad = "x".repeat(30_000)

/** A server, and a way to set its wall clock. Nothing fakes its monotonic clock. */
const startServer = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const file = join(yield* temporaryFolder, "offset")
    const setClock = (offset: string) => Effect.sync(() => writeFileSync(file, `${offset}\n`))
    yield* setClock("+0")
    const server = yield* Program.startServer(args, {
      environment: {
        LD_PRELOAD: libfaketime ?? "",
        FAKETIME_TIMESTAMP_FILE: file,
        FAKETIME_NO_CACHE: "1",
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
        NO_FAKE_STAT: "1"
      }
    })
    return { ...server, address: Tcp.address("127.0.0.1", Number(server.port)), setClock }
  })

/** A recipient that does not read, and a sender that waits for it. */
const stuck = (address: ReturnType<typeof Tcp.address>) =>
  Effect.gen(function* () {
    const deaf = yield* WireClient.join(address, "deaf")
    yield* deaf.pause
    const sender = yield* WireClient.join(address, "sender")
    yield* sender.send(`deaf: ${pad}\n`.repeat(1_000))
    // More than the kernel takes: the server does not read from the sender any more.
    yield* eventually(() => sender.untaken > 0, "the sender is held")
    return { deaf, sender }
  })

/** Whether the log has the times of a clock that is some hours ahead of this machine's. */
const hoursAhead = (log: string) => {
  const time = /timestamp=(\S+) level=INFO [^\n]*message="connection closed"[^\n]*name=witness/u.exec(log)?.[1]
  return Math.round((Date.parse(time ?? "") - Date.now()) / 3_600_000)
}

/** The log reports when this client left, which shows the server's wall clock. */
const witness = (address: ReturnType<typeof Tcp.address>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const client = yield* WireClient.join(address, "witness")
      yield* client.end
      yield* client.rest
    })
  )

describe.skipIf(libfaketime === undefined)("a server whose wall clock is set", () => {
  it.scopedLive("back by an hour, releases held senders, ends logins, and announces when to retry, as before", () =>
    Effect.gen(function* () {
      const server = yield* startServer(
        "--rate",
        "2000",
        "--hold-timeout",
        "1s",
        "--login-timeout",
        "1s",
        "--grace",
        "0s"
      )
      const { address } = server
      const silent = yield* WireClient.connect(address)
      const talker = yield* WireClient.join(address, "talker")
      const { sender } = yield* stuck(address)
      yield* server.setClock("-1h")
      yield* talker.send("/ping\n".repeat(10_000))
      const answers = yield* talker.takeLines(10_000)
      const waits = answers.flatMap((line) => /^! slow-down retry=(\d+): /u.exec(line)?.[1] ?? []).map(Number)
      assert.isAbove(waits.length, 0)
      assert.isAtMost(Math.max(...waits), 1)
      yield* silent.expect("! login-timeout fatal")
      assert.match((yield* received(sender)).join("\n"), /^! undelivered deaf reason=busy /mu)
      yield* witness(address)
      yield* server.kill("SIGTERM")
      assert.strictEqual(hoursAhead((yield* server.ended).errors), -1)
    })
  )

  it.scopedLive("forward by an hour, closes no connection", () =>
    Effect.gen(function* () {
      const server = yield* startServer("--login-timeout", "10m", "--hold-timeout", "10m", "--stall-timeout", "10m")
      const { address } = server
      const late = yield* WireClient.connect(address)
      const { deaf, sender } = yield* stuck(address)
      yield* server.setClock("+1h")
      // Some ticks of the server's timers.
      yield* Effect.sleep(Duration.seconds(1))
      late.name = "late"
      yield* late.send("late\n")
      yield* late.barrier
      yield* deaf.resume
      yield* deaf.takeLines(1_000)
      assert.deepStrictEqual(yield* received(sender), [])
      yield* witness(address)
      yield* server.kill("SIGTERM")
      assert.strictEqual(hoursAhead((yield* server.ended).errors), 1)
    })
  )
})
