import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"
import * as Path from "node:path"
import { History } from "../../src/terminal/History.js"
import * as HistoryFile from "../../src/terminal/HistoryFile.js"

describe("History", () => {
  it("goes up and down, and keeps the unfinished line", () => {
    const history = new History(["one", "two"], 10)
    assert.strictEqual(history.down(), undefined)
    assert.strictEqual(history.up("draft"), "two")
    assert.strictEqual(history.up("two, changed"), "one")
    assert.strictEqual(history.up("one"), undefined)
    assert.strictEqual(history.down(), "two")
    assert.strictEqual(history.down(), "draft")
    assert.strictEqual(history.down(), undefined)
  })

  it("returns to the end when a line is added", () => {
    const history = new History(["one"], 10)
    history.up("")
    assert.isTrue(history.add("two"))
    assert.strictEqual(history.up(""), "two")
    assert.isFalse(history.add("two"))
    assert.strictEqual(history.up(""), "two")
    assert.strictEqual(history.up(""), "one")
  })

  it("drops the oldest lines", () => {
    const history = new History(["one", "two", "three"], 2)
    history.add("four")
    assert.deepStrictEqual([history.up(""), history.up(""), history.up("")], ["four", "three", undefined])
  })
})

const folder = Effect.acquireRelease(
  Effect.promise(() => Fs.mkdtemp(Path.join(Os.tmpdir(), "a-chat-"))),
  (path) => Effect.promise(() => Fs.rm(path, { recursive: true }))
)

const modeOf = (path: string) => Effect.promise(async () => ((await Fs.stat(path)).mode & 0o777).toString(8))

describe("HistoryFile", () => {
  it("is where the XDG specification says", () => {
    assert.strictEqual(HistoryFile.path({ HOME: "/home/a" }), "/home/a/.local/state/a-chat/history")
    assert.strictEqual(HistoryFile.path({ HOME: "/home/a", XDG_STATE_HOME: "/state" }), "/state/a-chat/history")
    assert.strictEqual(
      HistoryFile.path({ HOME: "/home/a", XDG_STATE_HOME: "here" }),
      "/home/a/.local/state/a-chat/history"
    )
  })

  it.scopedLive("is readable by its owner only, even if it was readable by others before", () =>
    Effect.gen(function* () {
      const path = Path.join(yield* folder, "state", "a-chat", "history")
      assert.deepStrictEqual(yield* HistoryFile.read(path), [])
      yield* HistoryFile.append(path, "bob: hi")
      yield* HistoryFile.append(path, "grüße")
      assert.strictEqual(yield* modeOf(path), "600")
      assert.strictEqual(yield* modeOf(Path.dirname(path)), "700")
      yield* Effect.promise(() => Fs.chmod(path, 0o644))
      assert.deepStrictEqual(yield* HistoryFile.read(path), ["bob: hi", "grüße"])
      assert.strictEqual(yield* modeOf(path), "600")
    })
  )

  it.scopedLive("trims a file that has grown to twice the maximum", () =>
    Effect.gen(function* () {
      const path = Path.join(yield* folder, "history")
      const lines = Array.from({ length: 2 * HistoryFile.maxLines }, (_, index) => `line ${index}`)
      yield* Effect.promise(() => Fs.writeFile(path, `${lines.join("\n")}\n`))
      const kept = yield* HistoryFile.read(path)
      assert.deepStrictEqual(kept, lines.slice(-HistoryFile.maxLines))
      const text = yield* Effect.promise(() => Fs.readFile(path, "utf8"))
      assert.strictEqual(text, `${kept.join("\n")}\n`)
      assert.strictEqual(yield* modeOf(path), "600")
    })
  )

  it.scopedLive("says what to do if the file cannot be used", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const error = yield* Effect.flip(HistoryFile.append(path, "bob: hi"))
      assert.match(error.message, /^the history is not kept: EISDIR.*; --history off turns it off$/u)
    })
  )
})
