import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Over from "../support/Over.js"
import { startSocketServer } from "../support/SocketServer.js"
import { headOf } from "../support/WireClient.js"

const megabytes = (count: number) => "x".repeat(count * 1_000_000)

describe("lines", () => {
  it.scopedLive("end in LF, or in CRLF, whose CR is dropped", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const alice = yield* server.connect
      alice.name = "alice"
      yield* alice.send("alice\r\nalice: crlf\r\nalice: lf\nalice:\r\n/ping crlf\r\n")
      yield* alice.expect("from alice: crlf", "from alice: lf", "from alice: ", "* pong: crlf")
      yield* alice.barrier
    })
  )

  it.scopedLive("may arrive byte by byte", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const alice = yield* server.connect
      alice.name = "Zoë"
      for (const byte of Buffer.from("Zoë\r\nZoë: grüß 李雷\r\n/who\n")) {
        yield* alice.send(Uint8Array.of(byte))
        yield* Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))
      }
      yield* alice.expect("from Zoë: grüß 李雷", "* who 1: Zoë")
      yield* alice.barrier
    })
  )

  it.scopedLive("may share a segment and be cut anywhere", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const alice = yield* server.join("alice")
      const texts = Array.from({ length: 2_000 }, (_, i) => `line ${i} ${"ü".repeat(i % 7)}`.trim())
      const bytes = Buffer.from(texts.map((text) => `alice: ${text}\n`).join(""))
      for (let at = 0; at < bytes.length; at += 997) yield* alice.send(bytes.subarray(at, at + 997))
      yield* alice.expect(...texts.map((text) => `from alice: ${text}`))
      yield* alice.barrier
    })
  )

  for (const terminator of ["\n", "\r\n"]) {
    it.scopedLive(
      `may be as long as the limit, without its terminator ${JSON.stringify(terminator)}, and no longer`,
      () =>
        Effect.gen(function* () {
          const server = yield* startSocketServer({ maxLineBytes: 100 })
          const alice = yield* server.join("alice")
          const fits = "ä".repeat(46) + "x" // 93 bytes after "alice: "
          const longer = "ä".repeat(47)
          yield* alice.send(`alice: ${fits}${terminator}alice: ${longer}${terminator}alice: next${terminator}`)
          yield* alice.expect(`from alice: ${fits}`, "! too-long max=100", "from alice: next")
          // Each in its own read: the limit must not depend on how the bytes arrive.
          yield* alice.send(`alice: ${fits}`)
          yield* Effect.async<void>((resume) => void setTimeout(() => resume(Effect.void), 5))
          yield* alice.send(terminator)
          yield* alice.expect(`from alice: ${fits}`)
          yield* alice.barrier
        })
    )
  }

  it.scopedLive("that are too long are reported once and skipped to their end, and the connection stays", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const alice = yield* server.join("alice")
      // A message over WebSocket may have 4 MiB.
      yield* alice.send(`alice: ${megabytes(Over.isWebSocket ? 3 : 10)}`)
      // It is reported when it exceeds the limit, not at its end, which may never arrive.
      yield* alice.expect("! too-long max=65536")
      yield* alice.send("\nalice: good\n")
      yield* alice.expect("from alice: good")
      yield* alice.barrier
    })
  )

  it.scopedLive("that are too long are still one line: no part of them is taken for another line", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({ maxLineBytes: 50 })
      const alice = yield* server.join("alice")
      yield* alice.send(`${"alice: not a line of its own ".repeat(10)}\n`.repeat(3))
      yield* alice.expect("! too-long max=50", "! too-long max=50", "! too-long max=50")
      yield* alice.barrier
    })
  )

  const bad: Record<string, string | Uint8Array> = {
    "no ':' and not a command": "hello",
    "an empty line": "",
    "white space alone": " \t ",
    "no recipient": ": hi",
    "nothing but empty recipients": " , ,: hi",
    "bytes that are not UTF-8, in the text": Buffer.from([...Buffer.from("alice: "), 0xc3, 0x28]),
    "half a character at the end": Buffer.from([...Buffer.from("alice: "), 0xe2, 0x82]),
    "a surrogate": Buffer.from([...Buffer.from("alice: "), 0xed, 0xa0, 0x80]),
    "bytes that are not UTF-8, in a recipient": Buffer.from([0xff, ...Buffer.from(": hi")]),
    NUL: "alice: a\0b",
    BEL: "alice: a\u0007b",
    ESC: "alice: \u001B[2Jb",
    DEL: "alice: a\u007Fb",
    "C1 at the first": "alice: a\u0080b",
    "C1 at the last": "alice: a\u009Fb",
    "NEL inside": "alice: a\u0085b",
    "a CR inside": "alice: a\rb",
    "a control character in a recipient": "al\u0001ice: hi",
    "a control character in a command": "/ping a\u0001b"
  }

  it.scopedLive("that are invalid are refused as bad-line, and reach no client", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const alice = yield* server.join("alice")
      for (const [what, line] of Object.entries(bad)) {
        if (!Over.canSend(line)) continue
        yield* alice.send(Buffer.concat([Buffer.from(line), Buffer.from("\n")]))
        assert.strictEqual(headOf(yield* alice.line), "! bad-line", what)
      }
      yield* alice.barrier
      const ledger = yield* server.ledger
      assert.strictEqual(ledger.accepted, 2, "the two barriers only")
    })
  )

  it.scopedLive("that are refused do not affect their neighbours in the same segment", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const alice = yield* server.join("alice")
      const lines = Array.from({ length: 200 }, (_, i) => (i % 3 === 0 ? `alice: ${i}\u0001x` : `alice: ${i}`))
      yield* alice.send(lines.map((line) => `${line}\n`).join(""))
      yield* alice.expect(...lines.map((_, i) => (i % 3 === 0 ? "! bad-line" : `from alice: ${i}`)))
      yield* alice.barrier
    })
  )

  it.scopedLive("that start with '!', '*' or 'from ' are ordinary messages", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const alice = yield* server.join("alice")
      yield* alice.send("! undelivered: x\n* who 1: x\nfrom bob: x\n")
      yield* alice.expect(
        "! undelivered %21%20undelivered reason=offline",
        "! undelivered %2A%20who%201 reason=offline",
        "! undelivered from%20bob reason=offline"
      )
      yield* alice.barrier
    })
  )
})
