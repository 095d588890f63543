import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { statSync, writeFileSync } from "node:fs"
import * as Net from "node:net"
import { join } from "node:path"
import * as Tcp from "../../src/transport/Tcp.js"
import { eventually } from "../support/Eventually.js"
import * as Program from "../support/Program.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import * as WireClient from "../support/WireClient.js"

/** A server with a control socket, and what `a-chat control` says to it. */
const controlled = (settings = "") =>
  Effect.gen(function* () {
    const folder = yield* temporaryFolder
    const [path, file] = [join(folder, "control"), join(folder, "chat.toml")]
    writeFileSync(file, settings === "" ? "# nothing\n" : settings)
    const server = yield* Program.startServer(["--control", path, "--config", file])
    yield* server.says("errors", /message="control listening" address=unix:\S+/u)
    const address = Tcp.address("127.0.0.1", Number(server.port))
    const control = (...words: ReadonlyArray<string>) => Program.run(["control", "--socket", path, ...words])
    return { address, control, file, path, server }
  })

/** The answers to lines that a program sends to the control socket, after the first line of the server. */
const answers = (path: string, lines: string, count: number) =>
  Effect.gen(function* () {
    const socket = Net.connect(path)
    yield* Effect.addFinalizer(() => Effect.sync(() => socket.destroy()))
    let text = ""
    socket.setEncoding("utf8").on("data", (read: string) => (text += read))
    socket.write(lines)
    yield* eventually(() => text.split("\n").length > count + 1, "an answer did not arrive")
    return text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  }).pipe(Effect.scoped)

const says = (output: string) => ({ status: 0, output, errors: "" })

describe.concurrent("a-chat control", () => {
  it.scopedLive("creates rooms, does what owners do, lists and ends them", () =>
    Effect.gen(function* () {
      const { address, control, server } = yield* controlled()
      const carol = yield* WireClient.join(address, "carol")
      assert.deepStrictEqual(yield* control("room", "create", "#ops"), says("create #ops\n"))
      yield* carol.send("/hello\n/join #ops\n")
      assert.match(yield* carol.line, /^\* hello /u)
      yield* carol.expect("* room #ops members=1 last=0")
      assert.deepStrictEqual(yield* control("room", "topic", "#ops", "on", "call"), says("topic #ops\n"))
      yield* carol.expect("* topic #ops *operator: on call")
      const { output } = yield* control("room", "list")
      assert.match(output, /^ROOM +MEMBERS +HERE +LAST LINE +OWNER +STATE +TOPIC\n#ops +1 +1 +0 +- +- +on call\n$/u)
      assert.strictEqual((yield* control("room", "lock", "#ops")).status, 1, "it has no owner")
      assert.deepStrictEqual(yield* control("room", "remove", "#ops"), says("remove #ops\n"))
      yield* carol.expect("* left #ops carol by=*operator")
      const none = yield* control("room", "slow", "#ops", "5s")
      assert.deepStrictEqual([none.status, none.errors], [1, "a-chat: there is no room #ops\n"])
      const misspelt = yield* control("room", "look", "#ops")
      assert.strictEqual(misspelt.status, 2)
      yield* server.says("errors", /message="control request" request="room topic #ops"/u)
    })
  )

  it.scopedLive(
    "writes a backup of the store, from which a server can start",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const { address, control, path } = yield* controlled(`store = "${join(folder, "chat.db")}"\n`)
        const alice = yield* WireClient.join(address, "alice")
        yield* alice.send("/register correct horse\nalice: kept\n")
        yield* alice.expect("* registered alice", "from alice: kept")
        const copy = join(folder, "a copy.db")
        const backup = ["store", "backup", "--socket", path]
        const wrote = { status: 0, output: `wrote ${copy}\n`, errors: "" }
        assert.deepStrictEqual(yield* Program.run([...backup, copy]), wrote)
        const again = yield* control("backup", copy)
        assert.strictEqual(again.status, 1)
        assert.include(again.errors, `${copy} cannot be created: EEXIST`)
        const relative = yield* control("backup", "copy.db")
        assert.strictEqual(relative.status, 2)
        assert.include(relative.errors, '"copy.db" is not an absolute path')
        const checked = yield* Program.run(["store", "check", "--store", copy])
        assert.match(checked.output, /^no faults; 1 account, 1 conversation, 1 line; /u)
        const restored = yield* Program.startServer(["--store", copy])
        const [line] = yield* answers(path, "backup /nowhere/copy.db\n", 1).pipe(Effect.map((all) => all.slice(1)))
        assert.include(line, { ok: false })
        const reader = yield* WireClient.connect(Tcp.address("127.0.0.1", Number(restored.port)))
        yield* reader.send("alice/phone: correct horse\n/ping in\n")
        return yield* reader.expect("* pong")
      }),
    60_000
  )

  it.scopedLive("has no backup of a server that keeps nothing, and refuses --socket for other commands", () =>
    Effect.gen(function* () {
      const { control, path } = yield* controlled()
      const { errors, status } = yield* control("backup", "/tmp/copy.db")
      assert.deepStrictEqual(
        { errors, status },
        { errors: "a-chat: this server keeps nothing; it needs --store\n", status: 1 }
      )
      for (const words of [["check"], ["backup", "x", "--store", "y"]]) {
        assert.deepStrictEqual(yield* Program.run(["store", ...words, "--socket", path]), {
          status: 2,
          output: "",
          errors: "a-chat: --socket is for the backup of a server that runs, without --store\n"
        })
      }
    })
  )

  it.scopedLive("changes at a reload how much is kept", () =>
    Effect.gen(function* () {
      const { address, control, file } = yield* controlled('store = "memory"\n')
      const alice = yield* WireClient.join(address, "alice")
      yield* alice.send("/register correct horse\n/quit\n")
      yield* alice.rest
      const bob = yield* WireClient.join(address, "bob")
      yield* bob.send("/hello\n@1 alice: one\n@2 alice: two\n")
      assert.match(yield* bob.line, /^\* hello /u)
      yield* bob.expect("* stored @1 alice", "* stored @2 alice")
      writeFileSync(file, 'store = "memory"\nunread-lines = 2\nkeep = "1h"\n')
      assert.deepStrictEqual(yield* control("reload"), {
        status: 0,
        output: "changed: keep, unread-lines\n",
        errors: ""
      })
      yield* bob.send("@3 alice: three\n")
      yield* bob.expect("! undelivered @3 alice reason=full")
    })
  )

  it.scopedLive("kicks a client, and says when there is none", () =>
    Effect.gen(function* () {
      const { address, control } = yield* controlled()
      const bob = yield* WireClient.join(address, "bob")
      assert.deepStrictEqual(yield* control("kick", "Bob"), { status: 0, output: "kicked Bob\n", errors: "" })
      yield* bob.expect("! kicked fatal")
      assert.strictEqual(yield* bob.closed, "end")
      bob.destroy()
      const { errors, output, status } = yield* control("kick", "carol")
      const why = "a-chat: no client has the name carol, nor one that looks the same\n"
      assert.deepStrictEqual({ errors, output, status }, { errors: why, output: "", status: 1 })
    })
  )

  it.scopedLive(
    "bans and unbans names and addresses, and lists them with the connections; a reload keeps the bans",
    () =>
      Effect.gen(function* () {
        const { address, control, file } = yield* controlled()
        const bob = yield* WireClient.join(address, "bob")
        const alice = yield* WireClient.join(address, "alice")
        assert.match((yield* control("ban", "dave", "--for", "7d")).output, /^banned dave for 7 d;/u)
        yield* control("unban", "dave")
        const banned = yield* control("ban", "bob", "--for", "1h")
        assert.strictEqual(banned.output, "banned bob for 1 h; clients disconnected: 1\n")
        yield* bob.expect("! banned retry=3600000 fatal")
        assert.strictEqual((yield* control("ban", "10.0.0.0/8")).status, 0)
        writeFileSync(file, "rate = 100\nport = 1\n")
        const reloaded = yield* control("reload")
        assert.strictEqual(reloaded.output, "changed: rate\n")
        const again = yield* WireClient.connect(address)
        yield* again.send("BOB\n")
        assert.match(yield* again.line, /^! banned retry=\d+ fatal: /u)
        const { output } = yield* control("list")
        assert.match(output, /^NAME +FROM +STATE +SILENT FOR +QUEUED LINES\nalice +127\.0\.0\.1:\d+ +open +\d+ s +0\n/u)
        assert.match(
          output,
          /\n\nBANNED +KIND +HOW LONG\n10\.0\.0\.0\/8 +address +until the server stops\nbob +name +for /u
        )
        assert.strictEqual((yield* control("unban", "bob")).output, "lifted the ban of bob\n")
        assert.strictEqual((yield* control("unban", "bob")).status, 1)
        yield* WireClient.join(address, "bob")
        const listed = JSON.parse((yield* control("list", "--json")).output) as Record<string, ReadonlyArray<object>>
        assert.deepStrictEqual(listed["bans"], [{ kind: "address", banned: "10.0.0.0/8", leftMillis: null }])
        assert.sameMembers(listed["connections"]?.map((one) => String(Reflect.get(one, "name"))) ?? [], [
          "alice",
          "bob"
        ])
        yield* alice.barrier
      })
  )

  it.scopedLive("reports the mistakes of a reload, which then changes nothing", () =>
    Effect.gen(function* () {
      const { control, file } = yield* controlled("rate = 5\n")
      writeFileSync(file, 'rate = "fast"\nnonsense = 1\n')
      const { errors, status } = yield* control("reload")
      assert.strictEqual(status, 1)
      assert.include(errors, `${file}:1: rate: "fast" is not a whole number`)
      const answer = JSON.parse((yield* control("reload", "--json")).output) as Record<string, unknown>
      assert.strictEqual(answer["ok"], false)
      assert.lengthOf(answer["mistakes"] as ReadonlyArray<string>, 2)
      writeFileSync(file, "rate = 5\n")
      assert.strictEqual((yield* control("reload")).output, "no setting has changed\n")
    })
  )

  it.scopedLive("drains like SIGTERM: what was accepted is delivered, and the socket is removed", () =>
    Effect.gen(function* () {
      const { address, control, path, server } = yield* controlled()
      const alice = yield* WireClient.greet(address, "alice")
      assert.deepStrictEqual(yield* control("drain"), { status: 0, output: "draining\n", errors: "" })
      yield* alice.until("the shutdown", () => alice.lines.find((line) => line.startsWith("* bye reason=shutdown")))
      assert.strictEqual((yield* server.ended).status, 0)
      assert.isUndefined(statSync(path, { throwIfNoEntry: false }))
      const { errors, status } = yield* control("list")
      assert.strictEqual(status, 2)
      assert.match(errors, /there is no such socket; start the server with --control, or check --socket\n$/u)
    })
  )

  it.scopedLive("drains once, however often it is asked: a second signal would cut lines off", () =>
    Effect.gen(function* () {
      const { path, server } = yield* controlled()
      yield* answers(path, "drain\ndrain\n", 2)
      assert.strictEqual((yield* server.ended).status, 0)
    })
  )

  it.scopedLive("refuses what it does not understand before it connects, with a suggestion", () =>
    Effect.gen(function* () {
      for (const [words, mistake] of [
        [["kik", "bob"], `"kik" is not a request; did you mean kick?`],
        [["rooms"], `"rooms" is not a request; did you mean room?`],
        [["what"], `"what" is not a request; there are kick NAME,`],
        [["kick"], "write kick NAME"],
        [["kick", "bob", "carol"], "write kick NAME"],
        [["kick", "bob", "--for", "1h"], "write kick NAME"],
        [["ban", "bob", "--for", "soon"], `"for=soon" is not a time such as for=10m; allowed: 1 s to 366 d`],
        [["ban", "bob", "--for", "1ms"], `"for=1ms" is out of range; allowed: 1 s to 366 d`],
        [
          ["ban", "10.0.0.256"],
          `"10.0.0.256" is not an address, nor a range such as 10.0.0.0/8; for a name, write name=NAME`
        ],
        [["drain", "now"], "write drain, and nothing after it"],
        [[], `"" is not a request`],
        [["list", "--jsn"], "unknown flag --jsn; did you mean --json?"]
      ] as const) {
        const { errors, status } = yield* Program.run(["control", "--socket", "/nowhere/at/all", ...words])
        assert.strictEqual(status, 2)
        assert.include(errors, `a-chat: ${mistake}`)
      }
    })
  )

  it.scopedLive("does not send its request to another kind of server", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "chat")
      const chat = yield* Program.start(["serve", "--unix", path], { input: "" })
      yield* chat.says("errors", /message=listening/u)
      const { errors, status } = yield* Program.run(["control", "--socket", path, "list", "--timeout", "2s"])
      assert.strictEqual(status, 2)
      assert.include(errors, `${path} is not the socket of a-chat serve --control`)
    })
  )
})

describe.concurrent("the control socket", () => {
  it.scopedLive("is for its owner only, and takes the place of one that a killed server left", () =>
    Effect.gen(function* () {
      const { control, path, server } = yield* controlled()
      assert.strictEqual(statSync(path).mode & 0o777, 0o600)
      const second = yield* Program.run(["serve", "--port", "0", "--control", path])
      assert.strictEqual(second.status, 2)
      assert.match(second.errors, /another server is listening there; choose another --control/u)
      assert.strictEqual((yield* control("list")).status, 0)
      yield* server.kill("SIGKILL")
      yield* server.exited
      const next = yield* Program.startServer(["--control", path])
      yield* next.says("errors", /message="control listening"/u)
      assert.strictEqual((yield* control("list")).status, 0)
    })
  )

  it.scopedLive(
    "announces its version, answers one line for each request in order, and logs what changes something",
    () =>
      Effect.gen(function* () {
        const { path, server } = yield* controlled()
        const requests = "list\r\n  ban   name=10.0.0.1\tfor=10m \nkick bob\nwhat\n\nunban name=10.0.0.1\n"
        const [first, list, ban, kick, what, nothing, unban] = yield* answers(path, requests, 6)
        assert.strictEqual(first?.["control"], 1)
        assert.isString(first?.["version"])
        assert.deepStrictEqual([list?.["ok"], list?.["bans"], list?.["connections"]], [true, [], []])
        assert.deepStrictEqual(ban, { ok: true, banned: "10.0.0.1", leftMillis: 600_000, disconnected: 0 })
        for (const refused of [kick, what, nothing]) {
          assert.strictEqual(refused?.["ok"], false)
          assert.isString(refused?.["error"])
        }
        assert.deepStrictEqual(unban, { ok: true, unbanned: "10.0.0.1" })
        yield* server.kill("SIGTERM")
        const { errors } = yield* server.ended
        const logged = [...errors.matchAll(/message="control request" request=("[^"]*"|\S+)/gu)].map(
          ([, request]) => request
        )
        assert.deepStrictEqual(logged.slice(1, 3), [`"kick bob"`, "what"])
        assert.lengthOf(logged, 5)
        assert.notInclude(errors, "request=list")
      })
  )

  it.scopedLive("closes a connection that sends a line without end, and continues", () =>
    Effect.gen(function* () {
      const { control, path } = yield* controlled()
      const socket = Net.connect(path)
      yield* Effect.addFinalizer(() => Effect.sync(() => socket.destroy()))
      const closed = new Promise((resolve) =>
        socket
          .on("error", () => {})
          .on("close", resolve)
          .resume()
      )
      socket.write("x".repeat(100_000))
      yield* Effect.promise(() => closed)
      assert.strictEqual((yield* control("list")).status, 0)
    })
  )
})
