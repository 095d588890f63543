import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Tcp from "../../src/transport/Tcp.js"
import * as Program from "../support/Program.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import * as WireClient from "../support/WireClient.js"

const password = "correct horse"
const next = "battery staple"

/** The time for a test that runs many programs, one after the other, on a busy machine, in milliseconds. */
const manyProcesses = 120_000

const success = (output: string) => ({ status: 0, output, errors: "" })

describe.concurrent("a-chat account", () => {
  it.scopedLive(
    "manages the accounts of a running server, whose log never has a password",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const socket = join(folder, "control")
        const server = yield* Program.startServer(["--store", "memory", "--accounts", "closed", "--control", socket])
        yield* server.says("errors", /message="control listening"/u)
        const account = (words: ReadonlyArray<string>, input = "") =>
          Program.run(["account", "--socket", socket, ...words], { input })
        const connect = WireClient.connect(Tcp.address("127.0.0.1", Number(server.port)))
        const login = (line: string) =>
          Effect.gen(function* () {
            const client = yield* connect
            yield* client.send(`${line}\n/ping in\n`)
            return { client, head: (yield* client.line).split(":")[0] }
          })
        const guest = yield* login("alice")
        assert.deepStrictEqual(yield* account(["add", "alice"], `${password}\n`), success("added alice\n"))
        yield* guest.client.expect("! password-required alice fatal")
        assert.strictEqual((yield* login(`alice: ${password}`)).head, "* pong")
        assert.deepStrictEqual(yield* account(["password", "alice"], next), success("changed the password of alice\n"))
        assert.strictEqual((yield* login(`alice: ${password}`)).head, "! wrong-password fatal")
        assert.strictEqual((yield* login(`alice: ${next}`)).head, "* pong")
        const list = yield* account(["list"])
        assert.match(
          list.output,
          /^NAME +STATE +CREATED +DEVICES \(\* WITH A TOKEN\)\nalice +active +\d{4}-\d\d-\d\d +main\n$/u
        )
        const json = yield* account(["list", "--json"])
        const { accounts } = JSON.parse(json.output) as { accounts: ReadonlyArray<Record<string, unknown>> }
        assert.deepInclude(accounts[0], { name: "alice", isRemoved: false })
        assert.deepStrictEqual(yield* account(["remove", "alice"]), success("removed alice\n"))
        assert.strictEqual((yield* login("alice")).head, "! password-required alice fatal")
        assert.deepStrictEqual(yield* account(["free", "alice"]), success("freed the name alice\n"))
        assert.strictEqual((yield* login("alice")).head, "* pong")
        const wrong = yield* account(["add", "bob"], "short\n")
        assert.strictEqual(wrong.status, 1)
        assert.match(wrong.errors, /^a-chat: a password has 8 to 128 characters/u)
        yield* server.kill("SIGTERM")
        const { errors } = yield* server.ended
        for (const secret of ["correct", "horse", "battery", "staple", "short"]) assert.notInclude(errors, secret)
        assert.include(errors, 'request="account add alice"')
      }),
    manyProcesses
  )

  it.scopedLive(
    "manages the store of a stopped server, and not that of a running one",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const store = join(folder, "chat.db")
        const account = (words: ReadonlyArray<string>, input = "") =>
          Program.run(["account", "--store", store, ...words], { input })
        assert.deepStrictEqual(yield* account(["add", "alice"], `${password}\n`), success("added alice\n"))
        const again = yield* account(["add", "ALICE"], `${password}\n`)
        assert.deepStrictEqual(again, {
          status: 1,
          output: "",
          errors: "a-chat: the name is taken, by the account alice\n"
        })
        const server = yield* Program.startServer(["--store", store])
        const client = yield* WireClient.connect(Tcp.address("127.0.0.1", Number(server.port)))
        yield* client.send(`alice: ${password}\n/ping in\n`)
        yield* client.expect("* pong: in")
        const used = yield* account(["list"])
        assert.strictEqual(used.status, 2)
        yield* server.kill("SIGTERM")
        assert.strictEqual((yield* server.ended).status, 0)
        assert.match((yield* account(["list"])).output, /\nalice +active +\S+ +main\n$/u)
        assert.deepStrictEqual(yield* account(["remove", "alice"]), success("removed alice\n"))
        assert.match((yield* account(["list"])).output, /\nalice +removed +\S+ +-\n$/u)
      }),
    manyProcesses
  )

  it.scopedLive("takes no password from the command line, and says what it needs", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const socket = join(folder, "control")
      writeFileSync(join(folder, "empty"), "")
      const wrong: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
        [
          ["account", "add", "alice", password, "--socket", socket],
          /^a-chat: write a-chat account and one of add NAME,/u
        ],
        [["account", "lst", "--socket", socket], /^a-chat: "lst" is not a request; did you mean list\?$/mu],
        [["account", "rename", "a"], /^a-chat: "rename" is not a request; write a-chat account and one of add NAME,/u],
        [["account", "remove"], /^a-chat: write a-chat account and one of add NAME,/u],
        [["account", "add", "alice"], /^a-chat: give either --socket, .*, or --store,/u],
        [["account", "list", "--socket", socket, "--store", "x"], /^a-chat: give either --socket/u],
        [["account", "add", "alice", "--socket", socket], /^a-chat: there is no password on the standard input/u],
        [["account", "list", "--socket", socket], /^a-chat: .*no such/u],
        [["control", "--socket", socket, "account", "add", "alice", password], /^a-chat: use a-chat account/u]
      ]
      for (const [args, message] of wrong) {
        const { errors, status } = yield* Program.run(args)
        assert.strictEqual(status, 2, errors)
        assert.match(errors, message)
      }
    })
  )

  it.scopedLive("says that a server has no accounts", () =>
    Effect.gen(function* () {
      const socket = join(yield* temporaryFolder, "control")
      const server = yield* Program.startServer(["--control", socket])
      yield* server.says("errors", /message="control listening"/u)
      assert.deepStrictEqual(yield* Program.run(["account", "list", "--socket", socket]), {
        status: 1,
        output: "",
        errors: "a-chat: this server has no accounts; it needs --store\n"
      })
    })
  )
})
