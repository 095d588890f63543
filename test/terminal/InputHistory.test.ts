import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import { constants } from "node:fs"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"
import * as Path from "node:path"
import { InputHistory } from "../../src/terminal/InputHistory.js"
import * as HistoryFile from "../../src/terminal/HistoryFile.js"

describe("InputHistory", () => {
  it("goes up and down, and keeps the unfinished line", () => {
    const history = new InputHistory(["one", "two"], 10)
    assert.strictEqual(history.down(), undefined)
    assert.strictEqual(history.up("draft"), "two")
    assert.strictEqual(history.up("two, changed"), "one")
    assert.strictEqual(history.up("one"), undefined)
    assert.strictEqual(history.down(), "two")
    assert.strictEqual(history.down(), "draft")
    assert.strictEqual(history.down(), undefined)
  })

  it("returns to the end when a line is added", () => {
    const history = new InputHistory(["one"], 10)
    history.up("")
    assert.isTrue(history.add("two"))
    assert.strictEqual(history.up(""), "two")
    assert.isFalse(history.add("two"))
    assert.strictEqual(history.up(""), "two")
    assert.strictEqual(history.up(""), "one")
  })

  it("finds the latest line that contains a text, and the one before", () => {
    const history = new InputHistory(["bob: Deploy", "carol: hi", "bob: deploy again"], 10)
    const last = history.find("deploy")
    assert.deepStrictEqual(last, { line: "bob: deploy again", index: 2 })
    assert.deepStrictEqual(history.find("DEPLOY", last?.index), { line: "bob: Deploy", index: 0 })
    assert.strictEqual(history.find("deploy", 0), undefined)
    assert.strictEqual(history.find("nothing"), undefined)
  })

  it("drops the oldest lines", () => {
    const history = new InputHistory(["one", "two", "three"], 2)
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

  it.scopedLive("neither follows a symbolic link nor waits for a named pipe", () =>
    Effect.gen(function* () {
      const home = yield* folder
      const path = Path.join(home, "history")
      const other = Path.join(home, "other")
      yield* Effect.promise(() => Fs.writeFile(other, "something else\n", { mode: 0o644 }))
      yield* Effect.promise(() => Fs.symlink(other, path))
      const [link, pipe] = ["it is a symbolic link", "it is a named pipe, not a regular file"]
      yield* refuses(path, link, link)
      assert.strictEqual(yield* Effect.promise(() => Fs.readFile(other, "utf8")), "something else\n")
      assert.strictEqual(yield* modeOf(other), "644")
      yield* Effect.promise(() => Fs.rm(path))
      execFileSync("mkfifo", [path])
      yield* refuses(path, pipe, "it is a named pipe or a socket, not a regular file")
      const reader = yield* Effect.promise(() => Fs.open(path, constants.O_RDWR | constants.O_NONBLOCK))
      yield* refuses(path, pipe, pipe)
      yield* Effect.promise(() => reader.close())
    })
  )

  it.live("does not wait for a folder that cannot be made", () =>
    Effect.gen(function* () {
      yield* refuses("/proc/nothing/a-chat/history", "ENOENT: ", "ENOENT: ")
      yield* refuses("/dev/null/a-chat/history", "ENOTDIR: ", "ENOTDIR: ")
    })
  )

  it.scopedLive("trims through a file of its own, whatever has the name of that file", () =>
    Effect.gen(function* () {
      const home = yield* folder
      const path = Path.join(home, "history")
      const other = Path.join(home, "other")
      yield* Effect.promise(() => Fs.writeFile(other, "something else\n"))
      yield* Effect.promise(() => Fs.symlink(other, `${path}.${process.pid}`))
      yield* Effect.promise(() => Fs.writeFile(path, "line\n".repeat(2 * HistoryFile.maxLines)))
      assert.lengthOf(yield* HistoryFile.read(path), HistoryFile.maxLines)
      assert.strictEqual(yield* Effect.promise(() => Fs.readFile(other, "utf8")), "something else\n")
    })
  )
})

/** Reading and appending fail at once, with messages that begin so. */
const refuses = (path: string, reading: string, appending: string) =>
  Effect.gen(function* () {
    const errors = [yield* Effect.flip(HistoryFile.read(path)), yield* Effect.flip(HistoryFile.append(path, "bob: hi"))]
    for (const [at, why] of [reading, appending].entries()) {
      assert.include(errors[at]?.message, `the history is not kept: ${why}`)
    }
  })
