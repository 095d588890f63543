import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Over from "../support/Over.js"
import { startSocketServer } from "../support/SocketServer.js"

const allowed = [
  "a",
  "_",
  "7",
  "bob-2.0_x",
  "Zoë",
  "Ольга",
  "李雷",
  "०१२",
  "x".repeat(32),
  "李".repeat(32),
  "𐍈".repeat(32)
]

const refused = {
  "33 letters": "x".repeat(33),
  "a line that is too long": "x".repeat(70_000),
  "33 letters of four bytes": "𐍈".repeat(33),
  "a first character that is a mark": "\u0301a",
  "a dot in front": ".a",
  "a hyphen in front": "-a",
  "a blank inside": "a b",
  "a comma": "a,b",
  "a colon": "a: b",
  "a control character": "a\u0007b",
  "an emoji": "😀",
  "a symbol": "a$",
  "a zero width joiner": "a\u200Db",
  "nothing but an invisible letter": "\u3164",
  "bytes that are not UTF-8": Buffer.from([0x61, 0xff]),
  "a command of telnet after the name": Buffer.from([0x61, 0xff, 0xfd, 0x03]),
  "a command of telnet without its end": Buffer.from([0xff, 0xfa, 0x18])
}

describe("login", () => {
  it.scopedLive("success is silent, and the name is the line without surrounding white space", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const client = yield* server.connect
      client.name = "alice"
      yield* client.send("\u00A0 alice\t\r\n")
      yield* client.barrier
      assert.deepStrictEqual(yield* server.names, ["alice"])
    })
  )

  it.scopedLive("a name is 1 to 32 letters, marks, digits, '_', '-' and '.'", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      for (const name of allowed) yield* server.join(name)
      assert.deepStrictEqual(new Set(yield* server.names), new Set(allowed))
    })
  )

  it.scopedLive("an invalid name is refused as bad-login, and the connection closes in order", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const names = Object.entries(refused).filter(([, name]) => Over.canSend(name))
      for (const [what, name] of names) {
        const client = yield* server.connect
        client.name = what
        yield* client.send(Buffer.concat([Buffer.from(name), Buffer.from("\n")]))
        yield* client.expect("! bad-login fatal")
        assert.deepStrictEqual(yield* client.rest, [], what)
      }
      assert.deepStrictEqual(yield* server.names, [])
      assert.strictEqual(server.closings("bad-login"), names.length)
    })
  )

  it.scopedLive.skipIf(Over.isWebSocket)("blank lines and telnet's commands before it are skipped", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const negotiation = Buffer.from([0xff, 0xfb, 0x1f, 0xff, 0xfd, 0x03, 0xff, 0xfa, 0x18, 0xff, 0xff, 0xff, 0xf0])
      const client = yield* server.connect
      client.name = "alice"
      yield* client.send(Buffer.concat([Buffer.from("\n\r\n \u3000\n"), negotiation, Buffer.from("\n/ping 1\n")]))
      yield* client.expect("* pong: 1")
      yield* client.send(Buffer.concat([negotiation, Buffer.from("alice\r\n")]))
      yield* client.barrier
      assert.deepStrictEqual(yield* server.names, ["alice"])
    })
  )

  it.scopedLive.skipIf(Over.isWebSocket)("the refusal of a login that contains telnet's commands names telnet", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const client = yield* server.connect
      yield* client.send(Buffer.from([0x61, 0xff, 0xfd, 0x03, 0x0a]))
      const lines = yield* client.rest
      assert.match(lines.join(), /^! bad-login fatal: .*telnet/u)
    })
  )

  it.scopedLive("a name is normalised to NFC, at the login and as a recipient", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const zoe = yield* server.connect
      zoe.name = "Zoë"
      yield* zoe.send("Zoe\u0308\n")
      yield* zoe.barrier
      const bob = yield* server.join("bob")
      yield* bob.send("Zoe\u0308: decomposed\nZoë: composed\n")
      yield* zoe.expect("from bob: decomposed", "from bob: composed")
    })
  )

  const lookAlikes = [
    ["alice", "alice"],
    ["alice", "Alice"],
    ["alice", "ａｌｉｃｅ"],
    ["finn", "ﬁnn"],
    ["Zoë", "ZOË"],
    ["straße", "STRASSE"],
    ["σίσυφος", "ΣΊΣΥΦΟΣ"],
    ["alice", "ali\u034Fce"],
    ["alice", "alice\uFE0F"],
    ["é", "e\u0301"]
  ] as const

  it.scopedLive("no client can imitate another's name by case, compatibility form or invisible marks", () =>
    Effect.gen(function* () {
      for (const [present, alike] of lookAlikes) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const server = yield* startSocketServer()
            const first = yield* server.join(present)
            const second = yield* server.connect
            second.name = `${alike} beside ${present}`
            yield* second.send(`${alike}\n`)
            yield* second.expect(`! login-in-use ${alike.normalize("NFC")} fatal`)
            assert.deepStrictEqual(yield* second.rest, [])
            yield* first.barrier
          })
        )
      }
    })
  )

  it.scopedLive("recipients are matched exactly", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const alice = yield* server.join("alice")
      yield* alice.send("Alice: hi\n")
      yield* alice.expect("! undelivered Alice reason=offline like=alice")
      yield* alice.barrier
    })
  )

  for (const [code, first] of [
    ["bad-login", "not a name"],
    ["login-in-use", "alice"]
  ] as const) {
    it.scopedLive(`after ${code} later lines are not taken for another login or a message`, () =>
      Effect.gen(function* () {
        const server = yield* startSocketServer()
        const alice = yield* server.join("alice")
        const script = yield* server.connect
        yield* script.send(`${first}\nbob\nalice: hi\n/who\n`)
        const lines = yield* script.rest
        assert.strictEqual(lines.length, 1)
        assert.match(lines[0] ?? "", new RegExp(`^! ${code} (alice )?fatal: `))
        assert.deepStrictEqual(yield* server.names, ["alice"])
        yield* alice.barrier
      })
    )
  }

  it.scopedLive(
    "a line that starts with '@' before the login is refused, and the next line is not taken for a login",
    () =>
      Effect.gen(function* () {
        const server = yield* startSocketServer()
        const script = yield* server.connect
        yield* script.send("@alice\nbob\n")
        yield* script.expect("! bad-login fatal")
        assert.deepStrictEqual(yield* script.rest, [])
      })
  )

  it.scopedLive("a client that does not log in in time is refused and closed; one that did stays", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({ loginTimeout: Duration.millis(150) })
      const alice = yield* server.join("alice")
      const silent = yield* server.connect
      const busy = yield* server.connect
      yield* busy.send("/ping a command is no login\nunfinish")
      yield* busy.expect("* pong: a command is no login")
      yield* silent.expect("! login-timeout fatal")
      yield* busy.expect("! login-timeout fatal")
      assert.deepStrictEqual(yield* silent.rest, [])
      assert.deepStrictEqual(yield* busy.rest, [])
      yield* alice.barrier
      assert.strictEqual(server.closings("login-timeout"), 2)
    })
  )

  it.scopedLive("a name in a refused login is free for the next client", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const first = yield* server.join("alice")
      const second = yield* server.connect
      yield* second.send("alice\n")
      yield* second.expect("! login-in-use alice fatal")
      yield* first.send("/quit\n")
      yield* first.rest
      const third = yield* server.join("alice")
      yield* third.barrier
    })
  )
})
