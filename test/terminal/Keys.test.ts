import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Net from "node:net"
import { PassThrough } from "node:stream"
import * as Keys from "../../src/terminal/Keys.js"

/** What the bytes of a terminal mean. */
const keys = (...bytes: ReadonlyArray<string>) => {
  const input = new PassThrough()
  const taken: Array<string> = []
  const stop = Keys.listen(input, (key) => {
    if (key._tag === "Typed") taken.push(key.text)
    else if (key._tag === "Pasted") taken.push(`<${key.text}>`)
    else if (key._tag === "Go") taken.push(`go ${key.to}`)
    else taken.push(key._tag === "Edit" ? key.edit : key.key)
  })
  for (const part of bytes) input.emit("data", Buffer.from(part, "utf8"))
  stop()
  return taken
}

const table: ReadonlyArray<readonly [what: string, bytes: string, meaning: ReadonlyArray<string>]> = [
  ["text", "aé👍", ["a", "é", "👍"]],
  ["arrows", "\x1b[A\x1b[B\x1b[C\x1b[D", ["up", "down", "right", "left"]],
  ["arrows of another kind", "\x1bOA\x1bOD", ["up", "left"]],
  ["words", "\x1b[1;5C\x1b[1;5D\x1bb\x1bf", ["wordRight", "wordLeft", "wordLeft", "wordRight"]],
  ["Home and End", "\x1b[H\x1b[F\x1b[1~\x1b[4~\x01\x05", ["home", "end", "home", "end", "home", "end"]],
  ["removing", "\x7f\b\x1b[3~", ["backspace", "backspace", "delete"]],
  [
    "killing",
    "\x17\x15\x0b\x19\x1bd\x1b\x7f",
    ["killWord", "killStart", "killEnd", "yank", "killWordRight", "killWordLeft"]
  ],
  ["Enter", "\r", ["enter"]],
  ["Tab", "\t\x1b[Z", ["complete", "completeBack"]],
  ["leaving", "\x03\x04", ["leave", "endOrDelete"]],
  ["what is asked of it", "\x12\x14\x18\x0c\x1a\x07", ["search", "resend", "drop", "redraw", "suspend", "escape"]],
  ["a paste", "a\x1b[200~x\r\ny\x1b[201~b", ["a", "<x\ny>", "b"]],
  ["a paste with keys in it", "\x1b[200~\x03\x1b[A\x7f\x1b[201~", ["<\x03\x1b[A\x7f>"]],
  ["an empty paste", "\x1b[200~\x1b[201~", []],
  ["keys without a meaning", "\x1b[I\x1b[6~\x1f\x1bx\x1b0\x00", []],
  ["arrows with Alt, after a second ESC", "\x1b\x1b[D\x1b\x1bOC\x1b[1;3D", ["go previous", "go next", "go previous"]],
  ["going to a conversation by its number", "\x1b1\x1b9\x1b[50;3u\x1b[27;3;51~", ["go 1", "go 9", "go 2", "go 3"]],
  ["going to what is unread, and back in time", "\x1ba\x1b[5~\x1b[57421u", ["unread", "earlier", "earlier"]],
  ["arrows with Shift, and with Caps Lock", "\x1b[1;2C\x1b[1;65D\x1b[1;6C", ["right", "left", "wordRight"]],
  ["keys with Ctrl in a single parameter", "\x1b[5C\x1bO5D", ["wordRight", "wordLeft"]],
  [
    "the keys of rxvt",
    "\x1bOc\x1bOd\x1b[c\x1b[d\x1b[7~\x1b[8~",
    ["wordRight", "wordLeft", "right", "left", "home", "end"]
  ],
  ["the keys of the Linux console", "\x1b[[Aa\x1b[[5~b", ["a", "b"]],
  ["Home and End of another kind", "\x1bOH\x1bOF", ["home", "end"]],
  ["the keypad in application mode", "\x1bOq\x1bOk\x1bOM", ["1", "+", "enter"]],
  ["Escape, then Ctrl-C", "\x1b\x03\x1b\x04", ["leave", "endOrDelete"]],
  ["Alt and a capital letter", "\x1bB\x1bF", ["wordLeft", "wordRight"]],
  ["Alt and Enter, which is not Enter", "\x1b\r", []],
  ["LF, and Ctrl-P and Ctrl-N", "\n\x10\x0e", ["enter", "up", "down"]],
  [
    "plain keys of the kitty protocol",
    "\x1b[97u\x1b[97;2u\x1b[13u\x1b[9;2u\x1b[127u",
    ["a", "A", "enter", "completeBack", "backspace"]
  ],
  [
    "Ctrl and Alt in the kitty protocol",
    "\x1b[99;5u\x1b[98;3u\x1b[100;5:2u\x1b[27u",
    ["leave", "wordLeft", "endOrDelete", "escape"]
  ],
  ["text in the kitty protocol", "\x1b[97;;228u\x1b[49:33;2u\x1b[57414u", ["ä", "!", "enter"]],
  [
    "no released key, no key with Super or Hyper, no key without a name",
    "\x1b[97;1:3u\x1b[1;1:3A\x1b[97;17u\x1b[57358u",
    []
  ],
  ["modifyOtherKeys", "\x1b[27;5;99~\x1b[27;2;65~\x1b[27;3;98~\x1b[27;5;13~", ["leave", "A", "wordLeft"]],
  ["nonsense in parameters", "\x1b[99999999999u\x1b[55296u\x1b[;;u\x1b[1:2:3;4:5C\x1b[:A\x1b[97;;1114112u", []]
]

/** Two ends of a connection. */
const socketPair = Effect.acquireRelease(
  Effect.async<{ readonly near: Net.Socket; readonly far: Net.Socket }>((resume) => {
    const server = Net.createServer((near) => {
      server.close()
      resume(Effect.succeed({ near, far }))
    })
    const far = new Net.Socket()
    server.listen(0, "127.0.0.1", () => far.connect((server.address() as Net.AddressInfo).port))
  }),
  ({ far, near }) => Effect.sync(() => [near, far].forEach((socket) => socket.destroy()))
)

describe("Keys", () => {
  for (const [what, bytes, meaning] of table) {
    it(`reads ${what}`, () => assert.deepStrictEqual(keys(bytes), meaning))
  }

  it.live("takes a lone ESC for the Escape key", () =>
    Effect.promise(
      () =>
        new Promise<void>((resolve) => {
          const input = new PassThrough()
          const stop = Keys.listen(input, (key) => {
            assert.deepStrictEqual(key, { _tag: "Pressed", key: "escape" })
            stop()
            resolve()
          })
          input.emit("data", Buffer.from("\x1b"))
        })
    )
  )

  it.scopedLive("reads what has arrived before it gives up waiting for it", () =>
    Effect.gen(function* () {
      const { far, near } = yield* socketPair
      const key = yield* Effect.async<Keys.Key>((resume) => {
        const stop = Keys.listen(near, (key) => resume(Effect.succeed(key)))
        near.once("data", () => {
          far.write("[A")
          const until = performance.now() + 700
          while (performance.now() < until); // the wait ends meanwhile, as in a process that is stopped
        })
        far.write("\x1b")
        return Effect.sync(stop)
      })
      assert.deepStrictEqual(key, { _tag: "Pressed", key: "up" })
    })
  )

  it("reads keys that arrive in pieces", () => {
    assert.deepStrictEqual(keys("\x1b", "[A", "\x1b[200~x", "\ry\x1b[2", "01~z"), ["up", "<x\ny>", "z"])
  })
})
