import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { join } from "node:path"
import { finalLedger, received } from "../support/FaultTest.js"
import * as Namespaces from "../support/Namespaces.js"
import { startChild } from "../support/OtherProcesses.js"
import * as Program from "../support/Program.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import * as WireClient from "../support/WireClient.js"
import * as Unix from "../../src/transport/Unix.js"

const impossible = Namespaces.noNamespaces()
if (impossible !== undefined) console.log(`skipped: ${impossible}`)

const stallMillis = 3_000

/** The server on one machine, far on the other one, and a sender that is connected without a network. */
const chat = (far: (port: string) => ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const machines = yield* Namespaces.machines
    const path = join(yield* temporaryFolder, "s")
    const server = yield* Program.startServer(
      ["--host", Namespaces.here, "--unix", path, "--stall-timeout", `${stallMillis}ms`],
      { through: machines.onFirst }
    )
    const address = Unix.address(path)
    const sender = yield* WireClient.greet(address, "sender")
    const [nsenter = "", ...options] = machines.onSecond
    const { stdout } = yield* startChild(nsenter, [...options, ...far(server.port)])
    const shown = { text: "" }
    stdout?.setEncoding("utf8").on("data", (text: string) => (shown.text += text))
    yield* sender.expect("* joined far")
    // Everything is acknowledged before the test begins.
    yield* sender.send("far: before\n")
    yield* sender.barrier
    yield* Effect.sleep(Duration.millis(500))
    const farewell = server.says("errors", /(.* message="connection closed" .* name=far .*)/u)
    return { ...machines, address, farewell, sender, server, shown }
  })

/** The name is free for another client, and the server ends in order. Returns its ledger. */
const afterwards = ({ address, sender, server }: Effect.Effect.Success<ReturnType<typeof chat>>) =>
  Effect.gen(function* () {
    const heir = yield* WireClient.join(address, "far")
    yield* sender.send("far: after\n")
    yield* heir.expect("from sender: after")
    yield* server.kill("SIGTERM")
    const { errors, status } = yield* server.ended
    assert.strictEqual(status, 0)
    return finalLedger(errors)
  })

/** Logs in, and reads everything or nothing. */
const netcat = (afterwards: string) => (port: string) => [
  process.execPath,
  "-e",
  `const socket = require("node:net").connect(${port}, "${Namespaces.here}")
  socket.write("far\\nfar: in\\n")
  socket.once("data", () => { console.log("ready"); ${afterwards} })`
]

const reading = netcat(`socket.pipe(process.stdout)`)

/** Reads and acknowledges everything. */
const acknowledging = (port: string) => [
  process.execPath,
  "-e",
  `const socket = require("node:net").connect(${port}, "${Namespaces.here}").setEncoding("utf8")
  socket.write("far\\n/hello ack\\nfar: in\\n")
  let messages = 0
  socket.on("data", (text) => {
    messages += text.split("\\n").filter((line) => line.startsWith("from ")).length
    if (messages > 0) socket.write("/ack " + messages + "\\n")
    process.stdout.write(text)
  })`
]

/** The same with the program's own client. */
const listening = (port: string) => [
  "sh",
  "-c",
  `echo ready; exec "$0" "$@"`,
  process.execPath,
  Program.main,
  "listen",
  "--host",
  Namespaces.here,
  "--port",
  port,
  "--login",
  "far"
]

/** Reads nothing for a time, and then everything. */
const pausing = netcat(
  `socket.pause().on("data", (bytes) => console.log(bytes.length)); setTimeout(() => socket.resume(), ` +
    `${3 * stallMillis})`
)

/** More than a receive buffer, less than a send buffer, so that the server's kernel takes all of it. */
const bulk = `far: ${"x".repeat(30_000)}\n`.repeat(8)

/**
 * Waits until the server's kernel will probe the client's window within this time. A client that vanished is noticed by
 * two probes, and the kernel doubles the time between them: 0.2 s, 0.4 s, and so on.
 */
const probeIsDueWithin = (onFirst: ReadonlyArray<string>, from: number, to: number) =>
  Effect.repeat(Namespaces.output(onFirst, "cat /proc/net/tcp"), {
    until: (table) => {
      const [, hundredths = ""] = / 04:([0-9A-F]+) /.exec(table) ?? []
      const millis = 10 * Number.parseInt(hundredths, 16)
      return millis >= from && millis <= to
    },
    schedule: Schedule.spaced(Duration.millis(20))
  })

const body = "are you there?"

const timeOf = (effect: Effect.Effect<unknown>) =>
  Effect.suspend(() => {
    const before = performance.now()
    return Effect.map(effect, () => performance.now() - before)
  })

describe.skipIf(impossible !== undefined)("a machine whose cable is pulled", { concurrent: true }, () => {
  it.scopedLive("one small line later its client is unreachable: the line stays written, and the name is free", () =>
    Effect.gen(function* () {
      const chatting = yield* chat(reading)
      const { farewell, pullCable, sender } = chatting
      yield* pullCable
      yield* sender.send(`@1 far: ${body}\n`)
      yield* sender.expect("* written @1 far: written")
      const millis = yield* timeOf(farewell)
      assert.isAbove(millis, stallMillis - 100)
      assert.isBelow(millis, stallMillis + 5_000)
      const entry = yield* farewell
      assert.match(entry, / reason=unreachable\b/)
      assert.match(entry, new RegExp(` unacknowledgedBytes=${`from sender: ${body}\n`.length}\\b`))
      const { accepted, written } = yield* afterwards(chatting)
      assert.strictEqual(written, accepted)
    })
  )

  it.scopedLive.each([
    ["a client that acknowledges", acknowledging],
    ["listen", listening]
  ] as const)("one small line later %s is unreachable: the line is returned", ([, far]) =>
    Effect.gen(function* () {
      const chatting = yield* chat(far)
      const { farewell, pullCable, sender } = chatting
      yield* pullCable
      yield* sender.send(`@1 far: ${body}\n`)
      const millis = yield* timeOf(farewell)
      assert.isAbove(millis, stallMillis - 100)
      assert.isBelow(millis, stallMillis + 5_000)
      assert.match(yield* farewell, / reason=unreachable\b/)
      const lines = yield* received(sender)
      assert.match(lines.join("\n"), /^! undelivered @1 far reason=unreachable: /m)
      assert.strictEqual((yield* afterwards(chatting)).returned, 1)
    })
  )

  it.scopedLive("a client that is back in time is not closed, and gets what was written meanwhile", () =>
    Effect.gen(function* () {
      const { plugIn, pullCable, sender, server, shown } = yield* chat(reading)
      yield* pullCable
      yield* sender.send(`far: ${body}\n`)
      yield* Effect.sleep(Duration.millis(stallMillis / 3))
      yield* plugIn
      yield* Effect.sleep(Duration.millis(3 * stallMillis))
      assert.include(shown.text, `from sender: ${body}\n`)
      yield* sender.send("/who\n")
      yield* sender.expect("* who 2: far, sender")
      yield* server.kill("SIGTERM")
    })
  )

  it.scopedLive("a client that did not read before is unreachable, too", () =>
    Effect.gen(function* () {
      const { farewell, onFirst, pullCable, sender } = yield* chat(pausing)
      yield* sender.send(bulk)
      yield* sender.barrier
      yield* Effect.sleep(Duration.millis(stallMillis / 2))
      yield* probeIsDueWithin(onFirst, 300, 1_700)
      yield* pullCable
      const millis = yield* timeOf(farewell)
      assert.match(yield* farewell, / reason=unreachable\b/)
      assert.isBelow(millis, stallMillis + 5_000)
    })
  )

  it.scopedLive("a client that is alive but does not read is not closed", () =>
    Effect.gen(function* () {
      const { onFirst, sender, shown } = yield* chat(pausing)
      yield* sender.send(bulk)
      yield* sender.barrier
      yield* Effect.sleep(Duration.millis(2 * stallMillis))
      assert.match(yield* Namespaces.output(onFirst, "cat /proc/net/tcp"), / 04:/, "its window is probed")
      yield* sender.send("/who\n")
      yield* sender.expect("* who 2: far, sender")
      assert.strictEqual(shown.text, "")
      yield* Effect.sleep(Duration.millis(2 * stallMillis))
      const bytes = shown.text.split("\n").reduce((sum, line) => sum + Number(line), 0)
      assert.isAbove(bytes, 8 * 30_000)
    })
  )
})
