import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import * as Net from "node:net"
import * as NodeTls from "node:tls"
import { fileURLToPath } from "node:url"
import * as Server from "../../src/chat/Server.js"
import * as Certificates from "../support/Certificates.js"
import * as FakeServer from "../support/FakeServer.js"
import * as FaultyServer from "../support/FaultyServer.js"

const main = fileURLToPath(new URL("../../scripts/conformance/main.mjs", import.meta.url))

/** Runs the suite against a port: its exit status, and the names of the checks that failed. */
const run = (port: number, ...args: ReadonlyArray<string>) =>
  Effect.async<{ readonly status: number; readonly failed: ReadonlyArray<string>; readonly output: string }>(
    (resume) => {
      execFile(process.execPath, [main, "--port", String(port), ...args], (error, output) => {
        const failed = [...output.matchAll(/^failed {2}(.*?) {2,}(?:original|promises)/gm)].map(
          ([, name]) => name ?? ""
        )
        resume(Effect.succeed({ status: error === null ? 0 : Number(error.code), failed, output }))
      })
    }
  )

const each = (line: string) => [line]

/** Changes lines that start so, and leaves the others. */
const where = (start: string, change: (line: string) => ReadonlyArray<string>) => () => (line: string) =>
  line.startsWith(start) ? change(line) : [line]

/** Lets a line wait until the next one has gone. */
const late = (isLate: (line: string) => boolean) => () => {
  let waiting: ReadonlyArray<string> = []
  return (line: string) => {
    if (isLate(line)) {
      waiting = [...waiting, line]
      return []
    }
    const lines = [line, ...waiting]
    waiting = []
    return lines
  }
}

const loginOf = (change: (name: string) => string) => () => {
  let isFirst = true
  return (line: string) => {
    const changed = isFirst ? change(line) : line
    isFirst = false
    return [changed]
  }
}

let logins = 0

const faults: ReadonlyArray<readonly [what: string, finds: string, fault: FaultyServer.Fault]> = [
  [
    "ends its lines with CR LF",
    "a message is `from NAME: TEXT` and LF, byte for byte",
    { down: where("", (line) => [`${line}\r`]) }
  ],
  [
    "leaves out the blank before a text",
    "a text may be empty",
    { down: where("from ", (line) => [line.replace(": ", ":")]) }
  ],
  ["keeps blanks", "a text is trimmed at both ends", { down: where("from ", (line) => [`${line} `]) }],
  ["sends a message twice", "the session of the tutorial", { down: where("from ", (line) => [line, line]) }],
  [
    "swaps messages",
    "a thousand lines in one write arrive in their order",
    { down: late((line) => line.endsWith(" 500")) }
  ],
  [
    "loses a message among many",
    "a thousand lines in one write arrive in their order",
    { up: () => (line) => (line.endsWith(" 999") ? [] : [line]) }
  ],
  [
    "loses a last line without LF",
    "a last line without LF counts when the client half-closes",
    { losesLastLine: true, up: () => each }
  ],
  [
    "decodes each read by itself",
    "a stream may be cut at any byte",
    { read: (bytes) => Buffer.from(bytes.toString("utf8")) }
  ],
  ["keeps quiet about who is absent", "who is absent is named", { down: where("! undelivered", () => []) }],
  [
    "counts one failure too few",
    "equal failures may be answered together, and are counted",
    { down: where("! undelivered", (line) => [line.replace("count=50", "count=49")]) }
  ],
  [
    "does not say that a refusal is fatal",
    "a name in use is refused, with the name",
    { down: where("! login-in-use", (line) => [line.replace(" fatal", "")]) }
  ],
  [
    "goes on behind a fatal line",
    "a name is not: an emoji",
    { down: where("! bad-login", (line) => [line, "! bad-line: and more"]) }
  ],
  [
    "lets people in whose names look the same",
    "nobody passes as somebody else by case",
    { up: loginOf((name) => `${name}${logins++}`) }
  ],
  ["has a code of its own", "a bad line: no colon", { down: where("! bad-line", () => ["! syntax-error: x"]) }],
  [
    "cuts a line that is too long",
    "a line of one byte more is too long, and skipped",
    { up: () => (line) => [line.slice(0, 65_536)] }
  ],
  [
    "refuses a line, and delivers it all the same",
    "a refused line reaches none of its recipients",
    { up: () => (line) => (line.includes("\0") ? [line, line.replaceAll("\0", "")] : [line]) }
  ],
  [
    "answers a ping before earlier lines",
    "/ping is answered behind the answers to all earlier lines",
    { down: late((line) => line.startsWith("! bad-line")) }
  ],
  [
    "tells everybody who joins",
    "who sends only a login and messages sees only `from` and `!` lines",
    { down: where("from ", (line) => ["* joined zoe: is here", line]) }
  ],
  [
    "forgets an outcome",
    "outcomes come for thousands of labels, each once",
    { down: where("* written @k77 ", () => []) }
  ],
  [
    "tells an outcome twice",
    "every recipient of a labelled message has one outcome",
    { down: where("* written", (line) => [line, line]) }
  ],
  [
    "puts the label last",
    "every line that answers a labelled line has the label first",
    { down: where("* pong", (line) => [line.replace(/ (@\S+):(.*)/u, ":$2 $1")]) }
  ],
  [
    "drops a client that half-closes",
    "who half-closes is told what becomes of its lines, before the server closes",
    { ends: "at once" }
  ],
  // The line is taken out, too: data and a reset in one turn look like an end in order to Node.
  [
    "closes with a reset, which overtakes the last line",
    "the last line reaches a client that is still sending",
    { down: where("! bad-login", () => []), ends: "reset" }
  ]
]

describe("the conformance suite finds that a server", () => {
  for (const [what, finds, fault] of faults) {
    it.scopedLive(what, () =>
      Effect.gen(function* () {
        const { port } = yield* FaultyServer.make(fault)
        const { failed, output, status } = yield* run(port, "--only", finds, "--patience", "0.5")
        assert.include(failed, finds, output)
        assert.strictEqual(status, failed.length)
      })
    )
  }
})

describe("the conformance suite", () => {
  it.scopedLive("finds no fault where there is none", () =>
    Effect.gen(function* () {
      const { port } = yield* FaultyServer.make({})
      const { output, status } = yield* run(port, ...faults.flatMap(([, finds]) => ["--only", finds]))
      assert.strictEqual(status, 0, output)
    })
  )

  it.scopedLive("takes an original a-chat for what it is", () =>
    Effect.gen(function* () {
      const { port } = yield* FakeServer.original
      assert.strictEqual((yield* run(port, "--group", "original")).status, 0)
      const { failed, output } = yield* run(port, "--group", "promises", "--patience", "0.3")
      assert.deepStrictEqual(failed, ["a server answers commands"], output)
    })
  )

  it.scopedLive(
    "speaks TLS, believes no certificate that it should not, and finds a server that takes a cut for an end",
    () =>
      Effect.gen(function* () {
        const server = yield* Logger.withMinimumLogLevel(
          Server.start({ listen: [(yield* Certificates.overTls).listen] }),
          LogLevel.None
        )
        const port = server.address.port ?? 0
        const tls = ["--tls", "--group", "promises", "--only", "close_notify", "--only", "does not speak"]
        assert.strictEqual((yield* run(port, ...tls)).status, 101)
        const { output, status } = yield* run(port, ...tls, "--ca", Certificates.path("ca"))
        assert.strictEqual(status, 0, output)
        assert.match(output, /: 2 ok, 0 failed, 0 skipped/)
        // TLS ends here, and what is behind it takes any end of a connection for one in order.
        const relay = yield* FaultyServer.make({})
        const unwrapped = yield* Effect.acquireRelease(
          Effect.async<NodeTls.Server>((resume) => {
            const { cert, key } = Certificates.pair("server")
            const made = NodeTls.createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (secured) => {
              const plain = Net.connect(relay.port)
              secured.pipe(plain).pipe(secured)
              secured.on("error", () => plain.end()).on("close", () => plain.end())
              plain.on("error", () => secured.destroy())
            }).listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
          }),
          (made) => Effect.sync(() => made.close())
        )
        const at = unwrapped.address() as Net.AddressInfo // it listens
        const { failed } = yield* run(at.port, ...tls, "--ca", Certificates.path("ca"), "--patience", "0.5")
        assert.include(failed, "without close_notify the line that was begun is dropped")
      })
  )

  it.live("tells that there is no server", () =>
    Effect.gen(function* () {
      const { port } = yield* Effect.scoped(FakeServer.echo)
      assert.strictEqual((yield* run(port)).status, 101)
    })
  )
})
