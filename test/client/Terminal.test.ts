import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Net from "node:net"
import { PassThrough } from "node:stream"
import * as Terminal from "../../src/client/Terminal.js"
import * as Tcp from "../../src/transport/Tcp.js"
import type { Address } from "../../src/transport/Transport.js"
import * as FakeServer from "../support/FakeServer.js"

const ctrlC = "\x03"
const ctrlD = "\x04"

/** A person at a terminal of 80 columns: what one types, and waiting until something stands on the screen. */
const sit = (address: Address, login?: string) =>
  Effect.gen(function* () {
    const rawModes: Array<boolean> = []
    const input = Object.assign(new PassThrough(), {
      isTTY: true,
      setRawMode: (raw: boolean) => rawModes.push(raw)
    })
    const output = Object.assign(new PassThrough(), { isTTY: true, columns: 80, rows: 24 })
    let written = ""
    output.setEncoding("utf8").on("data", (text: string) => (written += text))
    const session = yield* Effect.fork(
      Effect.scoped(Terminal.run({ socket: Tcp.connect(address), login, input, output }))
    )
    const sees = (text: string) =>
      Effect.async<void>((resume) => {
        const look = () => {
          if (!written.includes(text)) return
          output.off("data", look)
          // What was seen once is not seen again.
          written = written.slice(written.indexOf(text) + text.length)
          resume(Effect.void)
        }
        output.on("data", look)
        look()
      })
    const types = (keys: string) => Effect.sync(() => input.write(keys))
    return { types, sees, rawModes, ended: Fiber.join(session) }
  })

const serve = (say: (socket: Net.Socket) => void) =>
  FakeServer.make((socket) => {
    socket.resume()
    socket.on("end", () => socket.end())
    say(socket)
  })

describe("Terminal.run", () => {
  it.scopedLive("asks for the login, then sends what is typed and shows what comes", () =>
    Effect.gen(function* () {
      const person = yield* sit(yield* FakeServer.original)
      yield* person.sees("login: ")
      yield* person.types("alice\r")
      yield* person.sees("> ")
      yield* person.types("alice: hi\r")
      yield* person.sees("from alice: hi\n")
      yield* person.types(ctrlD)
      assert.deepStrictEqual(yield* person.ended, { _tag: "Left" })
      assert.deepStrictEqual(person.rawModes, [true, false])
    })
  )

  it.scopedLive("sends what was typed just before one left", () =>
    Effect.gen(function* () {
      const person = yield* sit(yield* FakeServer.original, "alice")
      yield* person.sees("> ")
      yield* person.types(`alice: one\ralice: two\r${ctrlD}`)
      yield* person.sees("from alice: one\n")
      yield* person.sees("from alice: two\n")
      assert.deepStrictEqual(yield* person.ended, { _tag: "Left" })
      assert.deepStrictEqual(person.rawModes, [true, false])
    })
  )

  it.scopedLive("does not send a line with a control character, and says so", () =>
    Effect.gen(function* () {
      const person = yield* sit(yield* FakeServer.original, "alice")
      yield* person.sees("> ")
      yield* person.types("alice: \u0085x\r")
      yield* person.sees("not sent")
      yield* person.types(ctrlD)
      yield* person.ended
    })
  )

  it.scopedLive("is ready at once with a login", () =>
    Effect.gen(function* () {
      const person = yield* sit(yield* FakeServer.original, "alice")
      yield* person.sees("> ")
      yield* person.types(ctrlC)
      assert.deepStrictEqual(yield* person.ended, { _tag: "Left" })
    })
  )

  it.scopedLive("draws a half-typed line again below what comes in", () =>
    Effect.gen(function* () {
      const address = yield* serve((socket) =>
        socket.on("data", (bytes) => {
          if (bytes.includes("now")) socket.write("from bob: one\nfrom bob: two\n")
        })
      )
      const person = yield* sit(address, "alice")
      yield* person.sees("> ")
      yield* person.types("now\r")
      yield* person.types("half")
      yield* person.sees("half")
      yield* person.sees("from bob: one\nfrom bob: two\n")
      yield* person.sees("> half")
      yield* person.types(ctrlC)
      yield* person.ended
    })
  )

  it.scopedLive("shows control characters from others escaped", () =>
    Effect.gen(function* () {
      const person = yield* sit(yield* serve((socket) => socket.write("from bob: \x1b[2J\u202e\n")), "alice")
      yield* person.sees("from bob: \\x1b[2J\\u{202e}\n")
      yield* person.types(ctrlD)
      yield* person.ended
    })
  )

  it.scopedLive("shows what still comes after one has left", () =>
    Effect.gen(function* () {
      const address = yield* FakeServer.make((socket) => {
        socket.resume()
        socket.on("end", () => socket.end("! undelivered bob reason=offline: no\n"))
      })
      const person = yield* sit(address, "alice")
      yield* person.sees("> ")
      yield* person.types(ctrlD)
      yield* person.sees("! undelivered bob")
      assert.deepStrictEqual(yield* person.ended, { _tag: "Left" })
    })
  )

  it.scopedLive("ends with a refused login, with a server that goes away, and with a connection that breaks", () =>
    Effect.gen(function* () {
      const refused = yield* sit(yield* serve((socket) => socket.end("! login-in-use alice fatal: taken\n")), "alice")
      assert.deepStrictEqual(yield* refused.ended, { _tag: "Refused" })
      const closed = yield* sit(yield* serve((socket) => socket.end("from bob: bye\n")), "alice")
      assert.deepStrictEqual(yield* closed.ended, { _tag: "Closed" })
      const lost = yield* sit(
        yield* FakeServer.make((socket) => socket.once("data", () => socket.resetAndDestroy())),
        "alice"
      )
      assert.strictEqual((yield* lost.ended)._tag, "Lost")
      assert.deepStrictEqual(lost.rawModes, [true, false])
    })
  )

  it.scopedLive("leaves at the login prompt without connecting", () =>
    Effect.gen(function* () {
      const person = yield* sit(yield* FakeServer.make(() => assert.fail("connected")))
      yield* person.sees("login: ")
      yield* person.types(ctrlD)
      assert.deepStrictEqual(yield* person.ended, { _tag: "Left" })
    })
  )
})
