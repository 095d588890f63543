import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import * as Keys from "../../src/ports/StoreLines.js"
import * as Sqlite from "../../src/store/Sqlite.js"
import { defaults, device, line, register } from "../ports/StoreFixtures.js"
import { storeThread } from "../support/Bundled.js"
import * as PostgresServer from "../support/PostgresServer.js"
import * as Program from "../support/Program.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

const open = (path: string) =>
  Effect.flatMap(storeThread, (thread) => Sqlite.make({ path, limits: defaults, thread, reserveBytes: 4096 }))

/** A store in which Alice and a guest have written to Bob, and Alice to him and a room at once. */
const filled = Effect.gen(function* () {
  const path = join(yield* temporaryFolder, "chat.db")
  yield* Effect.scoped(
    Effect.gen(function* () {
      const store = yield* open(path)
      const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
      yield* device(store, bob)
      const room = yield* store.rooms.create({ name: "#ops", likeness: "OPS", owner: alice })
      assert.isDefined(room)
      yield* store.rooms.join(room.id, bob)
      yield* store.rooms.change(room.id, { topic: { text: "d\xc3\xa9j\xc3\xa0 vu", by: "bob" }, isLocked: true })
      const results = yield* store.append([
        line(Keys.keyBetween(alice, bob), alice, "h\xc3\xa9llo"),
        line(Keys.keyBetween(alice, bob), alice, "again"),
        line(Keys.withGuest(bob, "GUEST"), undefined, "hi"),
        line(Keys.keyBetween(alice, bob), alice, "both", { to: "#ops" }),
        line(Keys.ofRoom(room.id), alice, "both", { to: "bob" })
      ])
      const [first] = results
      assert(first?._tag === "Stored")
      yield* store.saveCursors([{ account: bob, device: "main", conversation: first.conversation, seq: 1 }])
    })
  )
  return path
})

const intact =
  "no faults; 2 accounts, 3 conversations, 5 lines; 4 direct lines stored = 1 given + 3 waiting + 0 expired\n"

const failed = (message: string) => ({ status: 2, output: "", errors: `a-chat: ${message}\n` })

/** The conversations and lines in an export, without their ages. */
const linesIn = ({ output }: Program.Ended) =>
  output
    .split("\n")
    .flatMap((text) => (/"type":"(?:line|conversation)"/u.test(text) ? [text.replace(/"ageMillis":\d+/u, "")] : []))

const check = (store: string) => Program.run(["store", "check", "--store", store])

describe.concurrent("--store", () => {
  for (const target of ["mysql://localhost/chat", "redis://localhost", "Sqlite://chat.db"]) {
    it.scopedLive(`is not taken for a file if it is ${target}`, () =>
      Effect.gen(function* () {
        const [scheme] = target.split(":")
        const message = `--store takes a file, postgres://… or memory; ${scheme}:// is none of them`
        assert.deepStrictEqual(yield* Program.run(["serve", "--port", "0", "--store", target]), failed(message))
        assert.deepStrictEqual(yield* Program.run(["account", "list", "--store", target]), failed(message))
        assert.deepStrictEqual(yield* Program.run(["store", "check", "--store", target]), failed(message))
        assert.isFalse(existsSync(target.split("/")[0] ?? ""))
      })
    )
  }
})

describe.concurrent("a store in memory", () => {
  it.scopedLive("cannot be opened by a command once its server has ended", () =>
    Effect.gen(function* () {
      const message = "a store in memory ends with its server; write ./memory for a file of that name"
      for (const words of [
        ["account", "list"],
        ["account", "add", "alice"],
        ["store", "check"],
        ["store", "export"]
      ]) {
        const run = Program.run([...words, "--store", "memory"], { input: "correct horse\n" })
        assert.deepStrictEqual(yield* run, failed(message), words.join(" "))
      }
      const path = yield* filled
      assert.deepStrictEqual(yield* Program.run(["store", "copy", path, "memory"]), failed(message))
      assert.deepStrictEqual(yield* Program.run(["store", "copy", "memory", `${path}-copy`]), failed(message))
      assert.isFalse(existsSync(`${path}-copy`))
    })
  )
})

describe.concurrent("a-chat store", () => {
  it.scopedLive("check says what is there, and exits with 0 if it is intact", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* check(yield* filled), { status: 0, output: intact, errors: "" })
    })
  )

  it.scopedLive("check --json has the same as an object", () =>
    Effect.gen(function* () {
      const { output, status } = yield* Program.run(["store", "check", "--json", "--store", yield* filled])
      assert.strictEqual(status, 0)
      assert.deepInclude(JSON.parse(output), {
        ok: true,
        stored: 4,
        given: 1,
        waiting: 3,
        expired: 0,
        conversations: 3,
        rooms: 1,
        lines: 5,
        bytes:
          5 * Keys.lineOverhead +
          "author1author1guestauthor1#opsauthor1bob".length +
          "h\xc3\xa9lloagainhibothboth".length
      })
    })
  )

  it.scopedLive("check names each fault, and exits with 1", () =>
    Effect.gen(function* () {
      const path = yield* filled
      const bytes = readFileSync(path)
      bytes.write("X", bytes.lastIndexOf("again"))
      writeFileSync(path, bytes)
      assert.deepStrictEqual(yield* check(path), {
        status: 1,
        output: "line 2 of conversation 2 (alice and bob) is damaged: its checksum is wrong\n",
        errors: ""
      })
    })
  )

  it.scopedLive("check names damaged pages that nothing can be read from", () =>
    Effect.gen(function* () {
      const path = yield* filled
      const bytes = readFileSync(path)
      const page = Math.floor(bytes.lastIndexOf("again") / 4096)
      bytes.fill("Z", page * 4096, (page + 1) * 4096)
      writeFileSync(path, bytes)
      const { errors, output, status } = yield* check(path)
      assert.deepStrictEqual([status, errors], [1, ""])
      assert.match(output, new RegExp(`\\bpage ${page + 1}\\b`, "u"))
      const json = yield* Program.run(["store", "check", "--json", "--store", path])
      assert.deepInclude(JSON.parse(json.output), { ok: false, faults: output.trimEnd().split("\n") })
      assert.strictEqual(json.status, 1)
    })
  )

  it.scopedLive("export and copy leave out damaged lines, say so, and exit with 1; the result is intact", () =>
    Effect.gen(function* () {
      const path = yield* filled
      const bytes = readFileSync(path)
      bytes.write("X", bytes.lastIndexOf("again"))
      writeFileSync(path, bytes)
      const errors = "a-chat: lines that are damaged, and are left out: 1; see a-chat store check\n"
      const content = "2 accounts, 3 conversations, 4 lines"
      const exported = yield* Program.run(["store", "export", "--store", path])
      assert.deepStrictEqual([exported.status, exported.errors], [1, errors])
      assert.notInclude(exported.output, "Xgain")
      const imported = yield* Program.run(["store", "import", "--store", `${path}.in`], { input: exported.output })
      assert.deepStrictEqual(imported, { status: 0, output: `${content}\n`, errors: "" })
      const copied = yield* Program.run(["store", "copy", path, `${path}.copy`])
      assert.deepStrictEqual(copied, { status: 1, output: `${content}\n`, errors })
      for (const to of [`${path}.in`, `${path}.copy`]) {
        const ledger = "4 direct lines stored = 1 given + 2 waiting + 1 expired"
        assert.deepStrictEqual(yield* check(to), {
          status: 0,
          output: `no faults; ${content}; ${ledger}\n`,
          errors: ""
        })
      }
      // Of a rescued store, an export lacks nothing more, and what is missing in it is still no fault.
      const again = yield* Program.run(["store", "copy", `${path}.copy`, `${path}.again`])
      assert.deepStrictEqual(again, { status: 0, output: `${content}\n`, errors: "" })
      const reexported = yield* Program.run(["store", "export", "--store", `${path}.again`])
      assert.deepStrictEqual([reexported.status, reexported.errors], [0, ""])
      const third = yield* Program.run(["store", "import", "--store", `${path}.third`], { input: reexported.output })
      assert.strictEqual(third.status, 0)
      for (const to of [`${path}.again`, `${path}.third`]) assert.strictEqual((yield* check(to)).status, 0)
    })
  )

  it.scopedLive("opens a file of another user that the group may use, and warns that others can read it", () =>
    Effect.gen(function* () {
      const path = yield* filled
      const preload = `${path}.cjs`
      writeFileSync(
        preload,
        `require("node:fs").chmodSync = (path) => {
          throw Object.assign(new Error("EPERM: operation not permitted, chmod '" + path + "'"), { code: "EPERM" })
        }
        require("node:module").syncBuiltinESMExports()`
      )
      const environment = { NODE_OPTIONS: `--require ${preload}` }
      const words = ["store", "check", "--store", path]
      assert.deepStrictEqual(yield* Program.runProcess(words, { environment }), {
        status: 0,
        output: intact,
        errors: ""
      })
      chmodSync(path, 0o660)
      const sentence =
        "others can read the file of the store, and only its owner can change that: " +
        "chmod 600, or chown to the user of the server"
      assert.deepStrictEqual(yield* Program.runProcess(words, { environment }), {
        status: 0,
        output: intact,
        errors: `a-chat: ${path}: ${sentence}\n`
      })
      const server = yield* Program.startServer(["--store", path], { environment })
      yield* server.says("errors", new RegExp(`level=WARN .*message="${sentence}" file=`, "u"))
      yield* server.kill("SIGTERM")
      assert.strictEqual((yield* server.ended).status, 0)
      assert.strictEqual(statSync(path).mode & 0o777, 0o660)
      assert.deepStrictEqual(yield* Program.run(words), { status: 0, output: intact, errors: "" })
      assert.strictEqual(statSync(path).mode & 0o777, 0o600)
    })
  )

  it.scopedLive("refuses a store that a server uses, one that does not exist, and a file that is not a store", () =>
    Effect.gen(function* () {
      const path = yield* filled
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* open(path)
          assert.deepStrictEqual(yield* check(path), failed(`another process uses ${path}`))
        })
      )
      assert.deepStrictEqual(yield* check(`${path}x`), failed(`there is no store ${path}x`))
      assert.isFalse(existsSync(`${path}x`))
      writeFileSync(`${path}x`, "a text")
      const noStore = `${path}x is not a store of a-chat, or its beginning is damaged`
      assert.deepStrictEqual(yield* check(`${path}x`), failed(noStore))
    })
  )

  it.scopedLive("refuses words that mean nothing", () =>
    Effect.gen(function* () {
      for (const words of [[], ["backup"], ["copy", "one"], ["check", "more"]]) {
        assert.deepStrictEqual(yield* Program.run(["store", ...words, "--store", "x"]), {
          status: 2,
          output: "",
          errors: "a-chat: write one of: check, backup FILE, copy FROM TO, export, import\n"
        })
      }
      const { errors, status } = yield* Program.run(["store", "chck", "--store", "x"])
      assert.deepStrictEqual([status, errors], [2, 'a-chat: "chck" is not a request; did you mean check?\n'])
      const { errors: unlike } = yield* Program.run(["store", "frobnicate", "--store", "x"])
      assert.match(unlike, /^a-chat: "frobnicate" is not a request; write one of: check, backup FILE,/u)
      assert.deepStrictEqual(yield* Program.run(["store", "check"]), {
        status: 2,
        output: "",
        errors: "a-chat: a store is required: --store, or ACHAT_STORE\n"
      })
    })
  )

  it.scopedLive("backup writes a complete copy for its owner only, over nothing", () =>
    Effect.gen(function* () {
      const path = yield* filled
      const copy = `${path}.backup`
      const backup = Program.run(["store", "backup", copy, "--store", path])
      assert.deepStrictEqual(yield* backup, { status: 0, output: "", errors: "" })
      assert.strictEqual((statSync(copy).mode & 0o777).toString(8), "600")
      assert.strictEqual((yield* check(copy)).output, intact)
      const { errors, status } = yield* backup
      assert.strictEqual(status, 2)
      assert.include(errors, `${copy} cannot be created: EEXIST`)
    })
  )

  it.scopedLive("copy moves everything into a new store, and adds to none", () =>
    Effect.gen(function* () {
      const path = yield* filled
      const to = `${path}.copy`
      const copied = yield* Program.run(["store", "copy", path, to])
      assert.deepStrictEqual(copied, { status: 0, output: "2 accounts, 3 conversations, 5 lines\n", errors: "" })
      assert.strictEqual((yield* check(to)).output, intact)
      assert.deepStrictEqual(yield* Program.run(["store", "copy", path, to]), {
        status: 2,
        output: "",
        errors: "a-chat: the store is not empty\n"
      })
      assert.strictEqual((yield* check(to)).output, intact)
    })
  )

  it.scopedLive.skipIf(PostgresServer.missing !== undefined)("copy moves a file into Postgres, and back", () =>
    Effect.gen(function* () {
      const path = yield* filled
      const { url } = yield* PostgresServer.make()
      const copied = { status: 0, output: "2 accounts, 3 conversations, 5 lines\n", errors: "" }
      assert.deepStrictEqual(yield* Program.run(["store", "copy", path, url]), copied)
      assert.deepStrictEqual(yield* check(url), { status: 0, output: intact, errors: "" })
      assert.deepStrictEqual(yield* Program.run(["store", "copy", url, `${path}.back`]), copied)
      assert.strictEqual((yield* check(`${path}.back`)).output, intact)
      const [before, after] = [path, `${path}.back`].map((store) => Program.run(["store", "export", "--store", store]))
      if (before === undefined || after === undefined) return
      assert.deepStrictEqual(linesIn(yield* after), linesIn(yield* before))
    })
  )

  it.scopedLive("export prints JSON lines, which import reads", () =>
    Effect.gen(function* () {
      const path = yield* filled
      const exported = yield* Program.run(["store", "export", "--store", path])
      assert.strictEqual(exported.status, 0)
      const lines = exported.output.trimEnd().split("\n")
      assert.deepStrictEqual(JSON.parse(lines[0] ?? ""), { "a-chat export": 1 })
      const texts = lines.flatMap((text) => {
        const record = JSON.parse(text) as { type?: string; text?: string }
        return record.type === "line" ? [record.text] : []
      })
      assert.deepStrictEqual(texts, ["héllo", "again", "hi", "both", "both"])
      const to = `${path}.imported`
      const imported = yield* Program.run(["store", "import", "--store", to], { input: exported.output })
      assert.deepStrictEqual(imported, { status: 0, output: "2 accounts, 3 conversations, 5 lines\n", errors: "" })
      assert.strictEqual((yield* check(to)).output, intact)
      const store = yield* open(to)
      assert.strictEqual(yield* store.accounts.credential(1 as AccountId), "hash of alice")
      const [room] = yield* store.rooms.all
      assert.deepInclude(room, { name: "#ops", topic: "d\xc3\xa9j\xc3\xa0 vu", isLocked: true, last: 1 })
      assert.deepStrictEqual(room?.members.join(), "1,2")
    })
  )

  it.scopedLive("import reads an export of a version without rooms", () =>
    Effect.gen(function* () {
      const path = yield* filled
      const { output } = yield* Program.run(["store", "export", "--store", path])
      const earlier = output.replaceAll('"room":null,', "")
      assert.notInclude(earlier, '"room":null')
      const to = `${path}.imported`
      const { status } = yield* Program.run(["store", "import", "--store", to], { input: earlier })
      assert.strictEqual(status, 0)
      assert.strictEqual((yield* check(to)).output, intact)
    })
  )

  it.scopedLive("import leaves no new file if the export is damaged or cut off", () =>
    Effect.gen(function* () {
      const path = yield* filled
      const { output } = yield* Program.run(["store", "export", "--store", path])
      const lines = output.split("\n")
      const failures: ReadonlyArray<readonly [input: string, message: string]> = [
        [lines.slice(0, -2).join("\n"), "the end of the export is missing"],
        [
          output.replace('"seq":2', '"seq":"2"'),
          `line ${lines.findIndex((text) => text.includes('"seq":2')) + 1} is not part of an export`
        ],
        ["something else\n", "line 1 is not the beginning of an export"],
        ["", "the end of the export is missing"]
      ]
      for (const [input, message] of failures) {
        const to = `${path}.imported`
        const { errors, status } = yield* Program.run(["store", "import", "--store", to], { input })
        assert.deepStrictEqual([status, errors], [2, `a-chat: ${message}\n`])
        for (const suffix of ["", "-wal", "-reserve"]) assert.isFalse(existsSync(`${to}${suffix}`), suffix)
      }
    })
  )
})
