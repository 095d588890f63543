import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Path from "node:path"
import type { Message } from "../../src/client/Received.js"
import * as ConversationLog from "../../src/terminal/ConversationLog.js"
import * as LogFile from "../../src/terminal/LogFile.js"
import { eventually } from "../support/Eventually.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

const at = "2026-11-26T20:04:17.123Z"

const message = (from: string, text: string, to?: ReadonlyArray<string>): Message => ({
  _tag: "Message",
  from,
  text,
  ...(to === undefined ? {} : { to })
})

/** A log in a new folder. `ended` writes it to the end and returns its files without their times. */
const logged = (options: Partial<ConversationLog.ConversationLogOptions> = {}) =>
  Effect.gen(function* () {
    const folder = options.folder ?? Path.join(yield* temporaryFolder, "log")
    const warnings: Array<string> = []
    const scope = yield* Scope.make()
    const log = yield* ConversationLog.make({
      folder,
      where: "chat.example:1",
      own: () => "alice",
      now: () => Date.parse(at),
      warn: (text) => warnings.push(text.replaceAll(folder, "LOG")),
      ...options
    }).pipe(Scope.extend(scope))
    const ended = Effect.map(Scope.close(scope, Exit.void), () =>
      Object.fromEntries(
        Fs.readdirSync(folder).map((file) => [
          file,
          Fs.readFileSync(Path.join(folder, file), "utf8").replaceAll(`${at} `, "").split("\n").slice(0, -1)
        ])
      )
    )
    return { log, warnings, folder, ended }
  })

describe("ConversationLog", () => {
  it.scopedLive("has a file for each room", () =>
    Effect.gen(function* () {
      const { ended, log } = yield* logged()
      log.received({ ...message("bob", "all quiet"), room: "#ops" })
      log.received({ ...message("bob", "done", ["carol"]), room: "#ops" })
      log.sent({ to: ["#ops"], text: "thanks" }, [{ _tag: "Written", names: ["#ops"], code: "stored" }])
      assert.deepStrictEqual(yield* ended, {
        "%23ops.log": [
          "* alice at chat.example:1",
          "from bob #ops: all quiet",
          "from bob #ops to=carol: done",
          "to #ops stored: thanks"
        ]
      })
    })
  )

  it.scopedLive("has a file for each conversation, with its incoming lines, the user's own and their outcomes", () =>
    Effect.gen(function* () {
      const { ended, folder, log, warnings } = yield* logged()
      log.received(message("bob", "hi"))
      log.received(message("bob", "lunch?", ["carol"]))
      log.sent({ to: ["carol", "bob"], text: "at noon" }, [
        { _tag: "Written", names: ["carol"] },
        { _tag: "Written", names: ["bob"], code: "received" }
      ])
      log.sent({ to: ["bob"], text: "a: b" }, [
        { _tag: "Returned", names: ["bob"], reason: "offline", retryMillis: undefined, text: "gone" }
      ])
      log.sent({ to: ["bob"], text: "x" }, [
        { _tag: "Refused", reason: "too-long", retryMillis: undefined, text: "too long" }
      ])
      log.sent({ to: ["Bob"], text: "y" }, [{ _tag: "Unknown", names: ["Bob"] }])
      log.sent({ to: ["bob"], text: "z" }, [{ _tag: "Unsent" }])
      log.sent({ to: ["bob"], text: "to an original server" }, [{ _tag: "Sent" }])
      log.sent({ to: ["alice"], text: "a note" }, [{ _tag: "Written", names: ["alice"] }])
      log.received(message("alice", "a note"))
      assert.deepStrictEqual(yield* ended, {
        "alice.log": ["* alice at chat.example:1", "to alice written: a note", "from alice: a note"],
        "bob.log": [
          "* alice at chat.example:1",
          "from bob: hi",
          "to bob returned reason=offline: a: b",
          "to bob refused reason=too-long: x",
          "to Bob unknown: y",
          "to bob unsent: z",
          "to bob sent: to an original server"
        ],
        "bob+carol.log": [
          "* alice at chat.example:1",
          "from bob to=carol: lunch?",
          "to carol written: at noon",
          "to bob received: at noon"
        ]
      })
      assert.deepStrictEqual(warnings, [])
      assert.match(Fs.readFileSync(Path.join(folder, "bob.log"), "utf8"), /^2026-11-26T20:04:17\.123Z \* alice/u)
      assert.strictEqual((Fs.statSync(folder).mode & 0o777).toString(8), "700")
    })
  )

  it.scopedLive("introduces the user again after the name has changed", () =>
    Effect.gen(function* () {
      let own = "alice"
      const { ended, log } = yield* logged({ own: () => own })
      log.received(message("bob", "hi"))
      own = "alice2"
      log.received(message("bob", "hi again"))
      assert.deepStrictEqual(yield* ended, {
        "bob.log": ["* alice at chat.example:1", "from bob: hi", "* alice2 at chat.example:1", "from bob: hi again"]
      })
    })
  )

  it.scopedLive("contains nothing that could steer a terminal, or imitate another line", () =>
    Effect.gen(function* () {
      const { ended, log } = yield* logged({ where: "\x1b]0;x\x07" })
      log.received(message("eve: hi\x1b[2J\n", "\x1b[2J\u009b31m\r\n\u202eevil\ttab", ["a b"]))
      const [lines = []] = Object.values(yield* ended)
      assert.deepStrictEqual(lines, [
        String.raw`* alice at \x1b]0;x\x07`,
        String.raw`from eve%3A%20hi%1B%5B2J%0A to=a%20b: \x1b[2J\x9b31m\x0d\x0a\u{202e}evil` + "\ttab"
      ])
    })
  )

  it.scopedLive("appends to what is there", () =>
    Effect.gen(function* () {
      const first = yield* logged()
      first.log.received(message("bob", "one"))
      yield* first.ended
      const second = yield* logged({ folder: first.folder })
      second.log.received(message("bob", "two"))
      assert.deepStrictEqual((yield* second.ended)["bob.log"], [
        "* alice at chat.example:1",
        "from bob: one",
        "* alice at chat.example:1",
        "from bob: two"
      ])
    })
  )

  it.scopedLive("reports once what cannot be written, continues, and counts what is missing", () =>
    Effect.gen(function* () {
      const { ended, folder, log, warnings } = yield* logged()
      Fs.symlinkSync(Path.join(folder, "elsewhere"), Path.join(folder, "eve.log"))
      for (let turn = 0; turn < 3; turn++) {
        log.received(message("eve", `lost ${turn}`))
        log.received(message("bob", `kept ${turn}`))
        // Written after that of eve.
        const bob = Path.join(folder, "bob.log")
        const isKept = () => Fs.existsSync(bob) && Fs.readFileSync(bob, "utf8").includes(`kept ${turn}`)
        yield* eventually(isKept, "nothing is logged for bob")
      }
      Fs.rmSync(Path.join(folder, "eve.log"))
      log.received(message("eve", "kept"))
      const files = yield* ended
      assert.deepStrictEqual(files["eve.log"], [
        "* lines missing here: 3",
        "* alice at chat.example:1",
        "from eve: kept"
      ])
      assert.deepStrictEqual(
        files["bob.log"],
        ["* alice at chat.example:1"].concat([0, 1, 2].map((turn) => `from bob: kept ${turn}`))
      )
      assert.deepStrictEqual(warnings, ["not logged: LOG/eve.log: it is a symbolic link", "3 lines were not logged"])
    })
  )

  it.scopedLive("introduces the user before lines that came while a write failed", () =>
    Effect.gen(function* () {
      const { ended, log } = yield* logged({
        append: async (path, lines) => {
          await Promise.resolve()
          if (lines.includes("lost")) {
            log.received(message("bob", "meanwhile"))
            throw new Error("the disk is full")
          }
          // Another file is written in between, while further lines come.
          if (path.endsWith("carol.log")) log.received(message("bob", "later"))
          await LogFile.append(path, lines)
        }
      })
      log.received(message("bob", "lost"))
      log.received(message("carol", "hi"))
      assert.deepStrictEqual((yield* ended)["bob.log"], [
        "* lines missing here: 1",
        "* alice at chat.example:1",
        "from bob: meanwhile",
        "from bob: later"
      ])
    })
  )

  it.scopedLive("is not kept in a folder that cannot be used", () =>
    Effect.gen(function* () {
      const warnings: Array<string> = []
      const warn = (text: string) => warnings.push(text)
      const log = yield* ConversationLog.make({ folder: "/dev/null", where: "", own: () => "a", now: () => 0, warn })
      log.received(message("bob", "hi"))
      assert.deepStrictEqual(warnings, ["nothing is logged: /dev/null: it is not a folder"])
    })
  )

  it.scopedLive("lets the end wait for a slow disk, but not forever for a stuck one", () =>
    Effect.gen(function* () {
      for (const [millis, expected] of [
        [1_500, undefined],
        [60_000, "2 lines were not logged"]
      ] as const) {
        const append = () => new Promise<void>((resolve) => void setTimeout(resolve, millis).unref())
        const { ended, log, warnings } = yield* logged({ append })
        log.received(message("bob", "one"))
        if (millis > 2_000) log.received(message("carol", "two"))
        const start = performance.now()
        yield* ended
        assert.isBelow(performance.now() - start, 10_000)
        assert.deepStrictEqual(warnings, expected === undefined ? [] : [expected])
      }
    })
  )

  const head = `${at} * alice at chat.example:1\n${at} from bob: `.length + 1
  for (const [length, isKept] of [
    [ConversationLog.maxWaiting - head, true],
    [ConversationLog.maxWaiting - head + 1, false]
  ] as const) {
    it.scopedLive(
      `${isKept ? "keeps" : "drops and counts"} a line of ${length} characters while nothing is written`,
      () =>
        Effect.gen(function* () {
          const { ended, log, warnings } = yield* logged()
          log.received(message("bob", "x".repeat(length)))
          log.received(message("carol", "hi"))
          const files = yield* ended
          assert.strictEqual(files["bob.log"]?.length, isKept ? 2 : undefined)
          assert.strictEqual(files["carol.log"]?.length, isKept ? undefined : 2)
          const file = isKept ? "carol" : "bob"
          assert.deepStrictEqual(warnings, [
            `not logged: LOG/${file}.log: the disk takes too long`,
            "1 line was not logged"
          ])
        })
    )
  }
})
