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
        const failed = [...output.matchAll(/^failed {2}(.*?) {2,}(?:original|promises|rooms)/gm)].map(
          ([, name]) => name ?? ""
        )
        resume(Effect.succeed({ status: error === null ? 0 : Number(error.code), failed, output }))
      })
    }
  )

const each = (line: string) => [line]

/** Changes lines that begin with `start`, and passes the others on. */
const where = (start: string, change: (line: string) => ReadonlyArray<string>) => () => (line: string) =>
  line.startsWith(start) ? change(line) : [line]

/** Delays matching lines until after the next line. */
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
    "omits the space before a text",
    "a text may be empty",
    { down: where("from ", (line) => [line.replace(": ", ":")]) }
  ],
  ["keeps trailing spaces", "a text is trimmed at both ends", { down: where("from ", (line) => [`${line} `]) }],
  ["sends a message twice", "the session of the tutorial", { down: where("from ", (line) => [line, line]) }],
  ["swaps messages", "a thousand lines in one write arrive in order", { down: late((line) => line.endsWith(" 500")) }],
  [
    "loses a message among many",
    "a thousand lines in one write arrive in order",
    { up: () => (line) => (line.endsWith(" 999") ? [] : [line]) }
  ],
  [
    "loses a last line without LF",
    "a last line without LF counts when the client half-closes",
    { losesLastLine: true, up: () => each }
  ],
  [
    "decodes each read separately",
    "a stream may be split at any byte",
    { read: (bytes) => Buffer.from(bytes.toString("utf8")) }
  ],
  ["does not report absent recipients", "an absent recipient is named", { down: where("! undelivered", () => []) }],
  [
    "counts one failure too few",
    "equal failures may share one reply, which counts them",
    { down: where("! undelivered", (line) => [line.replace("count=50", "count=49")]) }
  ],
  [
    "does not mark a refusal as fatal",
    "a name in use is refused, with that name",
    { down: where("! login-in-use", (line) => [line.replace(" fatal", "")]) }
  ],
  [
    "sends more lines after a fatal one",
    "a name is not: an emoji",
    { down: where("! bad-login", (line) => [line, "! bad-line: and more"]) }
  ],
  [
    "accepts names that look alike",
    "no client can imitate another's name by case",
    { up: loginOf((name) => `${name}${logins++}`) }
  ],
  ["uses an unknown code", "a bad line: no colon", { down: where("! bad-line", () => ["! syntax-error: x"]) }],
  [
    "truncates a line that is too long",
    "a line one byte longer is refused and skipped",
    { up: () => (line) => [line.slice(0, 65_536)] }
  ],
  [
    "refuses a line and delivers it anyway",
    "a refused line reaches none of its recipients",
    { up: () => (line) => (line.includes("\0") ? [line, line.replaceAll("\0", "")] : [line]) }
  ],
  [
    "answers a ping before earlier lines",
    "/ping is answered after all earlier lines",
    { down: late((line) => line.startsWith("! bad-line")) }
  ],
  [
    "reports joins to clients that did not ask",
    "a client that sends only a login and messages sees only `from` and `!` lines",
    { down: where("from ", (line) => ["* joined zoe: has joined", line]) }
  ],
  ["loses an outcome", "thousands of labels have one outcome each", { down: where("* written @k77 ", () => []) }],
  [
    "sends an outcome twice",
    "a labelled message has one outcome per recipient",
    { down: where("* written", (line) => [line, line]) }
  ],
  [
    "puts the label last",
    "every answer to a labelled line begins with the label",
    { down: where("* pong", (line) => [line.replace(/ (@\S+):(.*)/u, ":$2 $1")]) }
  ],
  [
    "drops a client that half-closes",
    "a client that half-closes gets its outcomes before the server closes",
    { ends: "at once" }
  ],
  // The line itself is removed as well: Node reports data and a reset in one turn as an orderly end.
  [
    "closes with a reset that overtakes the last line",
    "the last line reaches a client that is still sending",
    { down: where("! bad-login", () => []), ends: "reset" }
  ]
]

describe.concurrent("the conformance suite finds that a server", () => {
  for (const [what, finds, fault] of faults) {
    it.scopedLive(what, () =>
      Effect.gen(function* () {
        const { port } = yield* FaultyServer.make(fault)
        // Beside busy programs and all these suites, the server takes a second to answer the first `/hello`.
        const { failed, output, status } = yield* run(port, "--only", finds, "--patience", "3")
        assert.include(failed, finds, output)
        assert.strictEqual(status, failed.length)
      })
    )
  }
})

describe.concurrent("the conformance suite", () => {
  it.scopedLive("finds no fault in a correct server", () =>
    Effect.gen(function* () {
      const { port } = yield* FaultyServer.make({})
      const { output, status } = yield* run(port, ...faults.flatMap(([, finds]) => ["--only", finds]))
      assert.strictEqual(status, 0, output)
    })
  )

  it.scopedLive("accepts an original a-chat as the original, and notices that it has no commands", () =>
    Effect.gen(function* () {
      const { port } = yield* FakeServer.original
      assert.strictEqual((yield* run(port, "--group", "original")).status, 0)
      const { failed, output } = yield* run(port, "--group", "promises", "--patience", "0.3")
      assert.deepStrictEqual(failed, ["a server answers commands"], output)
    })
  )

  it.scopedLive(
    "speaks TLS, rejects untrusted certificates, and finds a server that takes a broken connection for an orderly end",
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
        // TLS ends here, and the server behind it takes any end of a connection for an orderly one.
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
        assert.include(failed, "without close_notify an unfinished line is dropped")
      })
  )

  it.live("exits with 101 if there is no server", () =>
    Effect.gen(function* () {
      const { port } = yield* Effect.scoped(FakeServer.echo)
      assert.strictEqual((yield* run(port)).status, 101)
    })
  )
})
