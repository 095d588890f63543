import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as LogFile from "../../src/terminal/LogFile.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import { cpuMillis } from "../support/CpuTime.js"

const table: ReadonlyArray<readonly [names: ReadonlyArray<string>, file: string]> = [
  [["bob"], "bob.log"],
  [["carol", "bob"], "bob+carol.log"],
  [["bob", "carol", "bob"], "bob+carol.log"],
  // Names that look the same share a place on the server.
  [["BOB", "Bob"], "bob.log"],
  [["e\u0301lan"], "\u00e9lan.log"],
  [["\uff22ob"], "bob.log"],
  [["b\u200dob"], "bob.log"],
  [["Stra\u00dfe"], "strasse.log"],
  [["b_o.b-1"], "b_o.b-1.log"],
  [["小明"], "小明.log"],
  // Names that only an original server lets in.
  [["."], "%2E.log"],
  [[".."], "%2E..log"],
  [["../../etc/passwd"], "%2E.%2F..%2Fetc%2Fpasswd.log"],
  [["-rf"], "%2Drf.log"],
  [["a b+c%d~e"], "a%20b%2Bc%25d%7Ee.log"],
  [["\x1b[2J\n\0"], "%1B%5B2j%0A%00.log"],
  [["\u202e"], "%E2%80%AE.log"],
  [["con", "nul"], "con+nul.log"]
]

/** Whether a name is one of a file, in any folder and on any file system. */
const isSafe = (file: string) =>
  Buffer.byteLength(file) <= 143 && /^[^.-]/u.test(file) && !/[/\\:*?"<>|\p{Cc}\p{Lu}]/u.test(file.replace(/%../gu, ""))

describe("LogFile.nameOf", () => {
  for (const [names, file] of table) {
    it(`returns ${file} for ${JSON.stringify(names)}`, () => {
      assert.strictEqual(LogFile.nameOf(names), file)
      assert.isTrue(isSafe(file))
    })
  }

  it("keeps names of 139 bytes, and cuts longer ones without mixing them up", () => {
    assert.strictEqual(LogFile.nameOf(["a".repeat(139)]), `${"a".repeat(139)}.log`)
    assert.match(LogFile.nameOf(["a".repeat(140)]), /^a{122}~[\da-f]{16}\.log$/u)
    assert.match(LogFile.nameOf(["語".repeat(47)]), /^語{40}~[\da-f]{16}\.log$/u)
    const group = Array.from({ length: 30 }, (_, index) => `member-${index}`)
    const all = [
      ["a".repeat(140)],
      ["a".repeat(141)],
      group,
      group.slice(1),
      ["\ufdfa".repeat(32)],
      ["x".repeat(70_000)]
    ]
    const files = all.map(LogFile.nameOf)
    assert.lengthOf(new Set(files), all.length)
    for (const file of files) assert.isTrue(isSafe(file), file)
  })

  it("folds names of 256 code units, and takes longer ones as they are", () => {
    const [folded, long] = [`${"A".repeat(255)}\uff21`, `${"A".repeat(256)}\uff21`]
    assert.strictEqual(LogFile.nameOf([folded]), LogFile.nameOf(["a".repeat(256)]))
    assert.notStrictEqual(LogFile.nameOf([long]), LogFile.nameOf(["a".repeat(257)]))
    assert.isBelow(
      cpuMillis(() => LogFile.nameOf(["\u0301".repeat(60_000)])),
      500
    )
  })
})

const fails = (run: () => Promise<void>) =>
  Effect.promise(() =>
    run().then(
      () => "",
      (error: Error) => error.message
    )
  )

const prepare = (path: string) => fails(() => LogFile.prepare(path))

const appends = (path: string, text: string) => Effect.promise(() => LogFile.append(path, text))

const modeOf = (path: string) => (Fs.statSync(path).mode & 0o777).toString(8)

describe("LogFile.append", () => {
  it.scopedLive("makes a file for its owner only, and makes one that others can read such a file", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const [fresh, open] = [Path.join(folder, "fresh.log"), Path.join(folder, "open.log")]
      for (const umask of [0o000, 0o377]) {
        const before = process.umask(umask)
        yield* appends(fresh, "one\n").pipe(Effect.ensuring(Effect.sync(() => process.umask(before))))
        assert.strictEqual(modeOf(fresh), "600")
      }
      Fs.writeFileSync(open, "before\n")
      Fs.chmodSync(open, 0o666)
      yield* appends(open, "after\n")
      assert.strictEqual(modeOf(open), "600")
      assert.strictEqual(Fs.readFileSync(open, "utf8"), "before\nafter\n")
    })
  )

  it.scopedLive.skipIf(process.getuid?.() !== 0)("takes no folder and no file of another user", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = Path.join(folder, "bob.log")
      Fs.writeFileSync(path, "theirs\n", { mode: 0o666 })
      Fs.chownSync(path, 12_345, 12_345)
      assert.strictEqual(yield* fails(() => LogFile.append(path, "mine\n")), "it belongs to another user")
      assert.strictEqual(Fs.readFileSync(path, "utf8"), "theirs\n")
      Fs.chownSync(folder, 12_345, 12_345)
      assert.strictEqual(yield* prepare(folder), "it belongs to another user")
    })
  )

  it.scopedLive("leaves a line that was cut off alone", () =>
    Effect.gen(function* () {
      const path = Path.join(yield* temporaryFolder, "bob.log")
      Fs.writeFileSync(path, "whole\ncut o")
      yield* appends(path, "next\n")
      yield* appends(path, "last\n")
      assert.strictEqual(Fs.readFileSync(path, "utf8"), "whole\ncut o\nnext\nlast\n")
    })
  )

  it.scopedLive("writes through no symbolic link, and into no named pipe, socket or folder", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const at = (name: string) => Path.join(folder, name)
      Fs.writeFileSync(at("other"), "other\n", { mode: 0o644 })
      Fs.symlinkSync(at("other"), at("link"))
      Fs.symlinkSync(at("nowhere"), at("dangling"))
      execFileSync("mkfifo", [at("pipe")])
      Fs.mkdirSync(at("folder"))
      const append = (name: string) => fails(() => LogFile.append(at(name), "text\n"))
      assert.strictEqual(yield* append("link"), "it is a symbolic link")
      assert.strictEqual(yield* append("dangling"), "it is a symbolic link")
      assert.strictEqual(yield* append("pipe"), "it is a named pipe, not a regular file")
      assert.match(yield* append("folder"), /^EISDIR/u)
      assert.strictEqual(yield* fails(() => LogFile.append("/dev/null", "x")), "it is a device, not a regular file")
      assert.strictEqual(Fs.readFileSync(at("other"), "utf8"), "other\n")
      assert.strictEqual(modeOf(at("other")), "644")
      assert.isFalse(Fs.existsSync(at("nowhere")))
    })
  )
})

describe("LogFile.prepare", () => {
  it.scopedLive("makes a folder for its owner only, with its parents, and leaves one that exists as it is", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* Effect.promise(() => LogFile.prepare(Path.join(folder, "a", "b")))
      assert.deepStrictEqual([modeOf(Path.join(folder, "a")), modeOf(Path.join(folder, "a", "b"))], ["700", "700"])
      Fs.chmodSync(Path.join(folder, "a"), 0o755)
      yield* Effect.promise(() => LogFile.prepare(Path.join(folder, "a")))
      assert.strictEqual(modeOf(Path.join(folder, "a")), "755")
    })
  )

  it.scopedLive("refuses a folder in which others can replace files, and what is not a folder", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      for (const mode of [0o1777, 0o775, 0o707]) {
        Fs.chmodSync(folder, mode)
        assert.strictEqual(yield* prepare(folder), "other users can write to it; run chmod go-w on it")
      }
      Fs.chmodSync(folder, 0o700)
      Fs.writeFileSync(Path.join(folder, "file"), "")
      assert.strictEqual(yield* prepare(Path.join(folder, "file")), "it is not a folder")
      assert.match(yield* prepare(Path.join(folder, "file", "more")), /^ENOTDIR/u)
    })
  )
})
