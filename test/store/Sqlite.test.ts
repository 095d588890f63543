import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/TestClock"
import { execFileSync } from "node:child_process"
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import * as Keys from "../../src/ports/StoreLines.js"
import * as Sqlite from "../../src/store/Sqlite.js"
import * as SqliteFile from "../../src/store/SqliteFile.js"
import { migrations } from "../../src/store/SqlSchema.js"
import { append, balanced, defaults, line, register } from "../ports/StoreFixtures.js"
import { bundled, storeThread } from "../support/Bundled.js"
import {
  alice,
  bob,
  carolWrites,
  execute,
  file,
  fill,
  key,
  open,
  refusal,
  text,
  using
} from "../support/SqliteStores.js"
import * as StoreWithoutRooms from "../support/StoreWithoutRooms.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

describe("the file of a store in SQLite", () => {
  it.scopedLive("keeps everything, and the id of its log, when it is closed and opened again", () =>
    Effect.gen(function* () {
      const path = yield* file
      const before = yield* using(path, (store) =>
        Effect.gen(function* () {
          yield* fill(store)
          yield* store.saveCursors([{ account: bob, device: "main", conversation: 1 as never, seq: 400 }])
          return { log: store.log, waiting: yield* store.waiting(bob, "main"), statistics: yield* balanced(store) }
        })
      )
      const after = yield* using(path, (store) =>
        Effect.gen(function* () {
          const { diskBytes: _, oldestMillis: __, ...statistics } = yield* balanced(store)
          assert.deepInclude(before.statistics, statistics)
          assert.deepStrictEqual(yield* store.check, [])
          return { log: store.log, waiting: yield* store.waiting(bob, "main") }
        })
      )
      assert.deepStrictEqual(after, { log: before.log, waiting: before.waiting })
    })
  )

  it.scoped("never uses the id of a conversation again", () =>
    Effect.gen(function* () {
      const path = yield* file
      const limits = { ...defaults, keep: "1 hour" } as const
      const ended = yield* Effect.scoped(
        Effect.gen(function* () {
          const store = yield* open(path, limits)
          yield* register(store, "alice")
          yield* register(store, "bob")
          const first = yield* carolWrites(store)
          yield* TestClock.adjust("2 hours")
          yield* store.retain([])
          assert.strictEqual((yield* balanced(store)).conversations, 0)
          return first
        })
      )
      const next = yield* carolWrites(yield* open(path, limits))
      assert.isAbove(next.conversation, ended.conversation)
      assert.strictEqual(next.seq, 2)
    })
  )

  it.scopedLive("is brought to the schema of this version", () =>
    Effect.gen(function* () {
      const path = yield* file
      const [first = []] = migrations
      execute(path, first.join(";"))
      execute(path, "insert into meta values (1, 'abc', 7, 1, 0, 0, 0, 0, 0, 0)")
      execute(path, "pragma application_id = 22428; pragma user_version = 1; pragma journal_mode = wal")
      yield* using(path, (store) =>
        Effect.gen(function* () {
          assert.strictEqual(store.log, "abc")
          yield* fill(store)
          assert.deepStrictEqual(yield* store.check, [])
        })
      )
      yield* using(path, (store) => Effect.map(balanced(store), ({ lines }) => assert.strictEqual(lines, 1000)))
    })
  )

  it.scopedLive("keeps everything that a version without rooms has stored", () =>
    Effect.gen(function* () {
      const path = yield* file
      const { content, schema, verify } = StoreWithoutRooms
      execute(path, schema.flat().join(";"))
      execute(path, content((bytes) => `x'${bytes.toString("hex")}'`).join(";"))
      execute(path, `pragma application_id = 22428; pragma user_version = ${schema.length}; pragma journal_mode = wal`)
      yield* using(path, verify)
      yield* using(path, (store) =>
        Effect.gen(function* () {
          assert.deepInclude(yield* balanced(store), { lines: 6, rooms: 1, conversations: 3 })
          assert.deepStrictEqual(yield* store.check, [])
        })
      )
    })
  )

  it.scoped("counts the age of lines by running time, not by the wall clock", () =>
    Effect.gen(function* () {
      const path = yield* file
      const limits = { ...defaults, keep: "1 hour" } as const
      yield* Effect.scoped(
        Effect.gen(function* () {
          const store = yield* open(path, limits)
          yield* fill(store)
          yield* TestClock.adjust("40 minutes")
          yield* append(store, line(key, alice, "young", { isLive: true }))
        })
      )
      yield* TestClock.adjust("365 days") // while no server runs
      const store = yield* open(path, limits)
      assert.strictEqual((yield* store.retain([])).removed, 0)
      yield* TestClock.adjust("30 minutes")
      while ((yield* store.retain([])).hasMore);
      assert.strictEqual((yield* balanced(store)).lines, 1)
    })
  )

  it.scopedLive("has its other files beside it, wherever a symbolic link to it is", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, "chat.db")
      const link = join(folder, "link.db")
      symlinkSync(path, link)
      assert.deepStrictEqual(yield* refusal(link), [
        "not-accessible",
        `${link} is a symbolic link to a file that does not exist`
      ])
      assert.isFalse(existsSync(path))
      yield* using(path, fill)
      yield* using(link, (store) => Effect.map(balanced(store), ({ lines }) => assert.strictEqual(lines, 1000)))
      assert.isTrue(existsSync(`${path}-reserve`))
      assert.isFalse(existsSync(`${link}-reserve`))
    })
  )

  it("is a file, also with a name that means something else to SQLite", () => {
    for (const name of [":memory:", "file:chat.db?mode=memory"]) {
      assert.strictEqual(SqliteFile.resolved(name), join(process.cwd(), name))
    }
  })

  it.scopedLive("is refused if something else has the path of the reserve, which is left as it is", () =>
    Effect.gen(function* () {
      const path = yield* file
      const reserve = `${path}-reserve`
      const precious = `${path}-precious`
      writeFileSync(precious, "precious\n")
      const others = [
        () => symlinkSync(precious, reserve),
        () => execFileSync("mkfifo", [reserve]),
        () => mkdirSync(reserve)
      ]
      for (const make of others) {
        make()
        assert.deepStrictEqual(yield* refusal(path), ["not-accessible", `${reserve} is not a regular file`])
        rmSync(reserve, { recursive: true })
      }
      assert.strictEqual(readFileSync(precious, "utf8"), "precious\n")
    })
  )

  for (const what of ["removed", "replaced"]) {
    it.scopedLive(`stores nothing more once it was ${what}, and can still be read`, () =>
      Effect.gen(function* () {
        const path = yield* file
        const store = yield* open(path)
        yield* fill(store)
        renameSync(path, `${path}-moved`)
        if (what === "replaced") writeFileSync(path, "")
        const { message, reason } = yield* Effect.flip(store.append([line(key, alice, text)]))
        assert.deepStrictEqual(
          [reason, message],
          ["damaged", `${path} was removed or replaced, so nothing more is stored`]
        )
        assert.strictEqual((yield* balanced(store)).lines, 1000)
      })
    )
  }

  it.scopedLive.skipIf(process.getBuiltinModule("node:sqlite") !== undefined)(
    "needs the package with SQLite where Node has none",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const thread = join(folder, "thread.cjs")
        copyFileSync(yield* storeThread, thread)
        const path = join(folder, "chat.db")
        const error = yield* Effect.flip(Effect.scoped(Sqlite.make({ path, limits: defaults, thread })))
        assert.strictEqual(error.reason, "no-driver")
        assert.strictEqual(
          error.message,
          "a store needs Node 22.13 or later, or the package @photostructure/sqlite, which is not installed beside " +
            "the program"
        )
        assert.isFalse(existsSync(path))
      })
  )

  it.scopedLive("gives space back after lines were removed", () =>
    Effect.gen(function* () {
      const path = yield* file
      yield* using(path, (store) =>
        Effect.gen(function* () {
          yield* fill(store)
          for (let batch = 0; batch < 40; batch++) {
            yield* store.append(
              Array.from({ length: 500 }, () => line(Keys.keyBetween(alice, alice), alice, text, { isLive: true }))
            )
          }
          yield* store.configure({ ...defaults, keepBytes: 1000 })
          while ((yield* store.retain([])).hasMore);
          for (let step = 0; step < 10; step++) yield* store.retain([])
          assert.isBelow((yield* store.statistics).lines, 10)
        })
      )
      assert.isBelow(statSync(path).size, 6 * 1024 * 1024)
    })
  )
})

describe("a commit of a store in SQLite that fails for want of memory", () => {
  for (const [when, result] of [
    ["before", "unavailable"],
    ["after", "Stored"]
  ] as const) {
    it.scopedLive(`${when} it was carried out is looked for in the file, and answered`, () =>
      Effect.gen(function* () {
        const path = yield* file
        const thread = yield* bundled("test/store/FailingCommit.ts")
        const store = yield* Sqlite.make({ path, limits: defaults, thread, reserveBytes: 4096 })
        yield* fill(store)
        writeFileSync(`${path}.${when}`, "")
        const one = line(key, alice, "one", { isLive: true })
        const answer = yield* Effect.either(append(store, one))
        assert.strictEqual(Either.isRight(answer) ? answer.right._tag : answer.left.reason, result)
        // The file is opened again after a moment.
        yield* Effect.retry(append(store, one), { schedule: Schedule.spaced("50 millis"), times: 600 })
        assert.strictEqual((yield* balanced(store)).lines, result === "Stored" ? 1002 : 1001)
        assert.deepStrictEqual(yield* store.check, [])
      })
    )
  }
})

describe("a store in SQLite with more conversations than it keeps in memory", () => {
  it.scopedLive("gives each line of a transaction its own number", () =>
    Effect.gen(function* () {
      const path = yield* file
      const store = yield* open(path, { ...defaults, unreadLines: 10_000 })
      const bob = yield* register(store, "bob")
      let guests = 0
      const fromGuest = (guest: number, words: string) =>
        line(Keys.withGuest(bob, `GUEST${guest}`), undefined, words, { isLive: true })
      for (let round = 0; round < 50; round += 1) {
        yield* store.append(Array.from({ length: 998 }, () => fromGuest(guests++, "hi")))
      }
      // The 50,000th conversation begins in the middle of this transaction.
      const lines = Array.from({ length: 200 }, (_, index) => [
        fromGuest(0, "x".repeat(index)),
        fromGuest(guests++, "hi")
      ])
      const results = yield* store.append(lines.flat())
      const numbers = results.map((result) => (result._tag === "Stored" ? result.seq : 0))
      assert.deepStrictEqual(
        numbers.filter((_, index) => index % 2 === 0),
        Array.from({ length: 200 }, (_, index) => index + 2)
      )
      assert.deepStrictEqual(yield* store.check, [])
    })
  )
})
