import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/TestClock"
import { execFileSync } from "node:child_process"
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync
} from "node:fs"
import { basename, dirname, join } from "node:path"
import { setImmediate } from "node:timers/promises"
import type { StoreService } from "../../src/ports/Store.js"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import * as Keys from "../../src/ports/StoreLines.js"
import type { StoreLimits } from "../../src/ports/StoreUpkeep.js"
import * as Sqlite from "../../src/store/Sqlite.js"
import * as SqliteDriver from "../../src/store/SqliteDriver.js"
import { SqliteEngine } from "../../src/store/SqliteEngine.js"
import * as SqliteFile from "../../src/store/SqliteFile.js"
import * as SqlStore from "../../src/store/SqlStore.js"
import { migrations } from "../../src/store/SqlSchema.js"
import { append, balanced, defaults, device, line, register } from "../ports/StoreFixtures.js"
import { bundled, storeThread } from "../support/Bundled.js"
import { eventually } from "../support/Eventually.js"
import * as StoreWithoutRooms from "../support/StoreWithoutRooms.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

const open = (path: string, limits: StoreLimits = defaults) =>
  Effect.flatMap(storeThread, (thread) => Sqlite.make({ path, limits, thread, reserveBytes: 4096 }))

/** Uses a store until it is closed. */
const using = <A, E>(path: string, use: (store: StoreService) => Effect.Effect<A, E>) =>
  Effect.scoped(Effect.flatMap(open(path), use))

const file = Effect.map(temporaryFolder, (folder) => join(folder, "chat.db"))

/** Changes the database without a store. */
const execute = (path: string, sql: string) => {
  const connection = SqliteDriver.load(import.meta.filename ?? "")?.(path)
  assert.isDefined(connection)
  connection.exec(sql)
  connection.close()
}

/** The root page of a table or an index. Asked in another process: the package closes a file when statements are collected. */
const rootOf = (path: string, name: string): number => {
  const program = `
    const { DatabaseSync } = process.getBuiltinModule("node:sqlite") ?? require("@photostructure/sqlite")
    const found = new DatabaseSync(process.argv[1]).prepare("select rootpage from sqlite_master where name = ?")
    console.log(found.get(process.argv[2]).rootpage)`
  return Number(execFileSync(process.execPath, ["--no-warnings", "-e", program, path, name], { encoding: "utf8" }))
}

/** Overwrites bytes of a file. */
const write = (path: string, bytes: Uint8Array, position: number) =>
  Effect.sync(() => writeSync(openSync(path, "r+"), bytes, 0, bytes.length, position))

/** What another process gets that reads the database. SQLite does not lock a file against its own process. */
const read = (path: string) =>
  execFileSync(process.execPath, ["--no-warnings", "-e", reader, path], { encoding: "utf8" }).trim()

const reader = `
  const sqlite = process.getBuiltinModule("node:sqlite") ?? require("${SqliteDriver.packageName}")
  try {
    new sqlite.DatabaseSync(process.argv[1]).prepare("select 1 from account").all()
    console.log("it could read")
  } catch (error) {
    console.log(error.message)
  }`

const [alice, bob] = [1 as AccountId, 2 as AccountId]
const key = Keys.between(alice, bob)

const text = "z".repeat(300)

/** Alice writes to Bob, many pages of lines. */
const fill = (store: StoreService) =>
  Effect.gen(function* () {
    yield* register(store, "alice")
    yield* register(store, "bob")
    yield* device(store, bob)
    yield* store.append(Array.from({ length: 1000 }, () => line(key, alice, text)))
  })

const carolWrites = (store: StoreService) =>
  Effect.map(append(store, line(Keys.withGuest(bob, "CAROL"), undefined, "hi")), (result) => {
    assert(result._tag === "Stored")
    return result
  })

const refusal = (path: string) =>
  Effect.map(Effect.flip(Effect.scoped(open(path))), ({ message, reason }) => [reason, message])

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

  it.scopedLive("can be read by its owner only", () =>
    Effect.gen(function* () {
      const path = yield* file
      const store = yield* open(path)
      yield* fill(store)
      for (const name of [path, `${path}-wal`, `${path}-reserve`]) {
        assert.strictEqual((statSync(name).mode & 0o777).toString(8), "600", name)
      }
    })
  )

  it.scopedLive("can be read by its owner only if the file was there, and empty", () =>
    Effect.gen(function* () {
      const path = yield* file
      writeFileSync(path, "", { mode: 0o644 })
      yield* using(path, fill)
      assert.strictEqual((statSync(path).mode & 0o777).toString(8), "600")
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

  it.scopedLive("is for one server at a time", () =>
    Effect.gen(function* () {
      const path = yield* file
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* open(path)
          assert.deepStrictEqual(yield* refusal(path), ["in-use", `another process uses ${path}`])
        })
      )
      yield* open(path)
    })
  )

  it.scopedLive("is refused if a newer version wrote it, and left as it is", () =>
    Effect.gen(function* () {
      const path = yield* file
      yield* using(path, fill)
      execute(path, "pragma user_version = 1000")
      const before = readFileSync(path)
      assert.deepStrictEqual(yield* refusal(path), ["newer-schema", `${path} was written by a newer version of a-chat`])
      assert.isTrue(before.equals(readFileSync(path)))
    })
  )

  it.scopedLive("is refused if it is not a store, and left as it is", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = (name: string) => join(folder, name)
      writeFileSync(path("text"), "a list of things to do, which nobody wants to lose\n")
      mkdirSync(path("folder"))
      execute(path("other"), "create table things (thing)")
      assert.deepStrictEqual(yield* refusal(path("text")), [
        "not-a-store",
        `${path("text")} is not a store of a-chat, or its beginning is damaged`
      ])
      assert.strictEqual(readFileSync(path("text"), "utf8"), "a list of things to do, which nobody wants to lose\n")
      assert.deepStrictEqual(yield* refusal(path("folder")), ["not-a-store", `${path("folder")} is not a regular file`])
      assert.deepStrictEqual(yield* refusal(path("other")), [
        "not-a-store",
        `${path("other")} is a database of another application`
      ])
      const missing = join(folder, "missing", "chat.db")
      const [reason, message] = yield* refusal(missing)
      assert.strictEqual(reason, "not-accessible")
      assert.include(message, `${missing} cannot be opened: ENOENT`)
    })
  )

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
          "a store needs Node 22.13 or later, or the package @photostructure/sqlite, which is not installed beside the program"
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
              Array.from({ length: 500 }, () => line(Keys.between(alice, alice), alice, text, { isLive: true }))
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

describe("the file of a store that was closed", () => {
  it.scopedLive("is not changed by a store that nothing is written to", () =>
    Effect.gen(function* () {
      const path = yield* file
      yield* using(path, fill)
      const before = readFileSync(path)
      yield* using(path, (store) =>
        Effect.map(store.accounts.all, (accounts) => {
          assert.lengthOf(accounts, 2)
          assert.isFalse(existsSync(`${path}-wal`) && statSync(`${path}-wal`).size > 0)
        })
      )
      assert.isTrue(readFileSync(path).equals(before))
    })
  )

  it.scopedLive("is checked thoroughly again if a server was killed that had written to it", () =>
    Effect.gen(function* () {
      const path = yield* file
      yield* using(path, fill)
      const killed = `${path}-killed`
      yield* using(path, (store) =>
        Effect.map(carolWrites(store), () => {
          copyFileSync(path, killed)
          copyFileSync(`${path}-wal`, `${killed}-wal`)
        })
      )
      yield* write(killed, Buffer.alloc(4096, 7), 4096 * 60)
      const store = yield* open(killed)
      assert.strictEqual(store.state(), "damaged")
    })
  )
})

describe("damage in the file of a store", () => {
  const damaged = Effect.gen(function* () {
    const path = yield* file
    yield* using(path, fill)
    return path
  })

  it.scopedLive("in a text is noticed: the line is not given, and nothing more is stored", () =>
    Effect.gen(function* () {
      const path = yield* damaged
      const position = readFileSync(path).lastIndexOf(text) + 100
      yield* write(path, Buffer.from("Z"), position)
      const store = yield* open(path)
      assert.strictEqual(store.state(), "ok")
      const conversation = yield* store.find(key)
      assert.isDefined(conversation)
      const page = yield* store.page({ conversation, reader: bob, after: 0, limit: 1000 })
      assert.strictEqual(page.lines.length, 999)
      assert.strictEqual(store.state(), "damaged")
      const gone = page.lines.findIndex(({ seq }, index) => seq !== index + 1) + 1
      const next = yield* store.page({ conversation, reader: bob, after: gone - 1, limit: 1 })
      assert.deepStrictEqual([next.lines.map(({ seq }) => seq), next.hasMore], [[gone + 1], gone + 1 < 1000])
      const last = yield* store.page({ conversation, reader: bob, before: gone + 1, limit: 1 })
      assert.deepStrictEqual([last.lines.map(({ seq }) => seq), last.hasMore], [[gone - 1], gone > 2])
      assert.strictEqual((yield* Effect.flip(append(store, line(key, alice, "more")))).reason, "damaged")
      const faults = yield* store.check
      assert.strictEqual(faults.length, 1)
      assert.match(faults[0] ?? "", /^line \d+ of conversation 1 is damaged: its checksum is wrong$/u)
    })
  )

  it.scopedLive("in a page stops the storing, and the file stays", () =>
    Effect.gen(function* () {
      const path = yield* damaged
      const size = statSync(path).size
      yield* write(path, Buffer.alloc(4096, 7), 4096 * 60)
      const store = yield* open(path)
      const conversation = yield* store.find(key)
      assert.isDefined(conversation)
      const error = yield* Effect.flip(store.page({ conversation, reader: bob, after: 0, limit: 1000 }))
      assert.strictEqual(error.reason, "damaged", error.message)
      assert.strictEqual(store.state(), "damaged")
      assert.strictEqual((yield* Effect.flip(append(store, line(key, alice, "more")))).reason, "damaged")
      assert.isAbove((yield* store.page({ conversation, reader: bob, limit: 10 })).lines.length, 0)
      assert.strictEqual(statSync(path).size, size)
    })
  )

  it.scopedLive("in several pages is located by the check, also where the check itself cannot read on", () =>
    Effect.gen(function* () {
      const path = yield* damaged
      for (const page of [60, 90]) yield* write(path, Buffer.alloc(4096, 0x5a), 4096 * page)
      const faults = yield* Effect.flatMap(open(path), (store) => store.check)
      // Pages have numbers from 1.
      for (const page of [61, 91])
        assert.isTrue(
          faults.some((fault) => fault.includes(` page ${page}`)),
          faults.join("\n")
        )
    })
  )

  it.scopedLive("is found at the start after a server was killed", () =>
    Effect.gen(function* () {
      const path = yield* damaged
      execute(path, "update meta set clean = 0")
      yield* write(path, Buffer.alloc(4096, 7), 4096 * 60)
      const store = yield* open(path)
      assert.strictEqual(store.state(), "damaged")
      assert.strictEqual((yield* Effect.flip(append(store, line(key, alice, "more")))).reason, "damaged")
    })
  )

  for (const [what, damage] of [
    ["the root of a table", (path: string) => write(path, Buffer.alloc(4096, 7), 4096 * (rootOf(path, "line") - 1))],
    [
      "the root of an index",
      (path: string) => write(path, Buffer.alloc(4096, 7), 4096 * (rootOf(path, "member_account") - 1))
    ],
    ["an index, which is missing", (path: string) => Effect.sync(() => execute(path, "drop index line_label"))]
  ] as const) {
    it.scopedLive(`is found at the start in ${what}, after an orderly end as well`, () =>
      Effect.gen(function* () {
        const path = yield* damaged
        yield* damage(path)
        const size = statSync(path).size
        const store = yield* open(path)
        assert.strictEqual(store.state(), "damaged")
        assert.strictEqual((yield* Effect.flip(append(store, line(key, alice, "more")))).reason, "damaged")
        assert.strictEqual(statSync(path).size, size)
      })
    )
  }

  it.scopedLive("at its end, which is missing, refuses the file", () =>
    Effect.gen(function* () {
      const path = yield* damaged
      const size = statSync(path).size - 4096
      truncateSync(path, size)
      assert.strictEqual((yield* refusal(path))[0], "not-a-store")
      assert.strictEqual(statSync(path).size, size)
    })
  )

  it.scopedLive("in the header refuses the file, which stays as it is", () =>
    Effect.gen(function* () {
      const path = yield* damaged
      yield* write(path, Buffer.alloc(100, 7), 0)
      const before = readFileSync(path)
      assert.strictEqual((yield* refusal(path))[0], "not-a-store")
      assert.isTrue(before.equals(readFileSync(path)))
    })
  )
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

describe("a backup of a store in SQLite", () => {
  it.scopedLive("is complete, and has another log", () =>
    Effect.gen(function* () {
      const path = yield* file
      const copy = `${path}.backup`
      const [log, statistics] = yield* using(path, (store) =>
        Effect.gen(function* () {
          yield* fill(store)
          yield* store.backup(copy)
          const before = yield* balanced(store)
          yield* append(store, line(key, alice, "not in the backup", { isLive: true }))
          return [store.log, before] as const
        })
      )
      assert.strictEqual((statSync(copy).mode & 0o777).toString(8), "600")
      const restored = yield* open(copy)
      assert.notStrictEqual(restored.log, log)
      assert.deepStrictEqual(yield* restored.check, [])
      assert.strictEqual((yield* balanced(restored)).lines, statistics.lines)
    })
  )

  it.scopedLive("is the store at one moment, although lines are stored meanwhile", () =>
    Effect.gen(function* () {
      const path = yield* file
      const copy = `${path}.backup`
      const store = yield* open(path, { ...defaults, keepLines: 1_000_000 })
      yield* fill(store)
      // About 30 MB, so that the copy takes many turns of the thread.
      for (let round = 0; round < 40; round += 1) {
        yield* store.append(Array.from({ length: 1000 }, () => line(key, alice, text, { isLive: true })))
      }
      const before = (yield* store.statistics).lines
      const backup = yield* Effect.fork(store.backup(copy))
      let meanwhile = 0
      while ((yield* Fiber.poll(backup))._tag === "None") {
        yield* append(store, line(key, alice, text, { isLive: true }))
        meanwhile += 1
      }
      yield* Fiber.join(backup)
      assert.isAbove(meanwhile, 3)
      const restored = yield* open(copy)
      assert.deepStrictEqual(yield* restored.check, [])
      assert.isAtLeast((yield* restored.statistics).lines, before)
      assert.isAtMost((yield* restored.statistics).lines, before + meanwhile)
      assert.deepStrictEqual(yield* store.check, [])
      assert.strictEqual((yield* store.statistics).lines, before + meanwhile)
    })
  )

  it.scopedLive("leaves the file locked for other processes, and its log as short as before", () =>
    Effect.gen(function* () {
      const path = yield* file
      const store = yield* open(path)
      yield* fill(store)
      yield* store.backup(`${path}.one`)
      yield* store.backup(`${path}.two`)
      assert.strictEqual(read(path), "database is locked")
      for (let round = 0; round < 30; round += 1) {
        yield* store.append(Array.from({ length: 1000 }, () => line(key, alice, text, { isLive: true })))
      }
      assert.isBelow(statSync(`${path}-wal`).size, 8 * 1024 * 1024)
    })
  )

  it.scopedLive("that is being written when the store is closed fails, and leaves no file", () =>
    Effect.gen(function* () {
      const path = yield* file
      const copy = `${path}.backup`
      const backup = yield* using(path, (store) =>
        Effect.gen(function* () {
          yield* fill(store)
          for (let round = 0; round < 40; round += 1) {
            yield* store.append(Array.from({ length: 1000 }, () => line(key, alice, text, { isLive: true })))
          }
          const backup = yield* Effect.forkDaemon(store.backup(copy))
          yield* eventually(() => existsSync(`${copy}.partial`), "the backup did not begin")
          assert.include((yield* Effect.flip(store.backup(`${path}.two`))).message, "another backup is being written")
          return backup
        })
      )
      const { reason } = yield* Effect.flip(Fiber.join(backup))
      assert.strictEqual(reason, "unavailable")
      yield* eventually(() => !existsSync(`${copy}.partial`), "a part of the backup is left")
      assert.isFalse(existsSync(copy))
      yield* using(path, (store) => Effect.map(store.check, (faults) => assert.deepStrictEqual(faults, [])))
    })
  )

  it.scopedLive("has its name once it is complete, and replaces what a backup has left that was killed", () =>
    Effect.gen(function* () {
      const path = yield* file
      const copy = `${path}.backup`
      const { lines } = yield* using(path, (store) => Effect.zipRight(fill(store), store.statistics))
      for (const ending of [".partial", ".partial-wal", ".partial-journal"]) writeFileSync(copy + ending, "left")
      const limits = SqlStore.toSqlLimits(defaults)
      const engine = new SqliteEngine({ path, base: import.meta.filename ?? "", limits, reserveBytes: 0 })
      const backup = yield* Effect.fork(Effect.promise(() => engine.backup(copy)))
      while ((yield* Fiber.poll(backup))._tag === "None") {
        assert.isFalse(existsSync(copy))
        yield* Effect.promise(() => setImmediate())
      }
      yield* Fiber.join(backup)
      engine.close()
      assert.deepStrictEqual(
        readdirSync(dirname(path)).filter((name) => name.includes(".backup")),
        [basename(copy)]
      )
      const restored = yield* open(copy)
      assert.deepStrictEqual(yield* restored.check, [])
      assert.strictEqual((yield* restored.statistics).lines, lines)
    })
  )

  it.scopedLive("does not take what is left of another file of its name", () =>
    Effect.gen(function* () {
      const path = yield* file
      const copy = `${path}.backup`
      const store = yield* open(path)
      yield* fill(store)
      yield* store.backup(copy)
      // A server with this backup was killed. Then the backup was deleted, but not its log.
      const left = yield* using(copy, (other) =>
        Effect.map(append(other, line(key, alice, text, { isLive: true })), () => readFileSync(`${copy}-wal`))
      )
      rmSync(copy)
      writeFileSync(`${copy}-wal`, left)
      const error = yield* Effect.flip(store.backup(copy))
      assert.include(error.message, `${copy}-wal`)
      assert.deepStrictEqual([existsSync(copy), readFileSync(`${copy}-wal`).equals(left)], [false, true])
    })
  )

  it.scopedLive("is refused if another file has taken the place of the store", () =>
    Effect.gen(function* () {
      const path = yield* file
      const copy = `${path}.backup`
      yield* using(`${path}.other`, fill)
      const store = yield* open(path)
      renameSync(`${path}.other`, path)
      const error = yield* Effect.flip(store.backup(copy))
      assert.include(error.message, `${path} was removed or replaced`)
      assert.isFalse(existsSync(copy))
    })
  )

  it.scopedLive("is refused if the file is there already", () =>
    Effect.gen(function* () {
      const path = yield* file
      writeFileSync(`${path}.backup`, "something else")
      const store = yield* open(path)
      const error = yield* Effect.flip(store.backup(`${path}.backup`))
      assert.include(error.message, `${path}.backup cannot be created: EEXIST`)
      assert.strictEqual(readFileSync(`${path}.backup`, "utf8"), "something else")
      // The log of the store is there as well, and must not be taken for something to remove.
      const itself = yield* Effect.flip(store.backup(path))
      assert.include(itself.message, `${path} cannot be created: EEXIST`)
    })
  )
})
