import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { make as keeping, password, type KeepingServerOptions } from "../support/KeepingServer.js"
import * as Program from "../support/Program.js"
import { log } from "../support/RoomLog.js"
import { objects } from "../support/SendCommand.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

type Command = NonNullable<KeepingServerOptions["command"]>

/** Runs a command against a server that answers so; returns also what it was asked. */
const run = (command: Command, isGuest: boolean, args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const asked: Array<string> = []
    const { port } = yield* keeping({
      isGuest,
      exchanges: !isGuest,
      command: (line, label, connection) => {
        asked.push(line)
        return command(line, label, connection)
      }
    })
    const [name = "", ...rest] = args
    const environment = { HOME: yield* temporaryFolder, ...(isGuest ? {} : { ACHAT_PASSWORD: password }) }
    const login = isGuest ? [] : ["--login", "alice"]
    const ended = yield* Program.run([name, "--port", `${port}`, ...login, ...rest], { environment })
    return { ...ended, asked }
  })

const byAlice = (command: Command, ...args: ReadonlyArray<string>) => run(command, false, args)

const byGuest = (command: Command, ...args: ReadonlyArray<string>) => run(command, true, args)

const numbers = (output: string) => Array.from(output.matchAll(/ bob: (\d+)$/gmu), ([, number]) => Number(number))

/** The line of the log with this number. */
const text = (seq: number) => `1970-01-01T00:00:00.00${seq}Z bob: ${seq}\n`

const refuse =
  (reason: string): Command =>
  (line, label) => [`! refused @${label} ${/^\/(\S+)/u.exec(line)?.[1]} reason=${reason}: sorry`]

/** Answers with one line that has all parameters. */
const withParams: Command = (line, label) => {
  const name = line.includes("#ops") ? "#ops" : "bob"
  return [
    `* past @${label} ${name} zoë guest=yes auto=yes to=carol+#dev seq=17 at=1764151201123: a: "b"`,
    `* end @${label} history ${name}: x`
  ]
}

describe.concurrent("a-chat history", () => {
  const table: ReadonlyArray<readonly [args: string, expected: ReadonlyArray<number>, first: string]> = [
    ["", [1, 2, 3, 4, 5, 6, 7], "limit=50"],
    ["--limit 4", [4, 5, 6, 7], "limit=4"],
    ["--limit off", [1, 2, 3, 4, 5, 6, 7], "after=0 limit=100"],
    ["--since 5", [5, 6, 7], "after=4 limit=100"],
    ["--since 0", [1, 2, 3, 4, 5, 6, 7], "after=0 limit=100"],
    ["--since 2 --limit 4", [2, 3, 4, 5], "after=1 limit=100"],
    ["--since 2 --until 6", [2, 3, 4, 5, 6], "after=1 before=7 limit=100"],
    ["--until 6 --limit 2", [5, 6], "before=7 limit=2"],
    ["--since 1970-01-01T00:00:00.003Z", [3, 4, 5, 6, 7], "since=3 limit=100"],
    ["--until 1970-01-01T00:00:00.003Z", [1, 2], "until=3 limit=50"]
  ]
  for (const [args, expected, first] of table) {
    it.scopedLive(`prints the lines of ${args === "" ? "a room" : args}, the oldest first`, () =>
      Effect.gen(function* () {
        const more = args.split(" ").filter((arg) => arg !== "")
        const { asked, errors, output, status } = yield* byAlice(log(7), "history", "#ops", ...more)
        assert.strictEqual(errors, "")
        assert.strictEqual(status, 0)
        assert.deepStrictEqual(numbers(output), expected)
        assert.strictEqual(output, expected.map(text).join(""))
        assert.strictEqual(asked[0], `/history #ops ${first}`)
      })
    )
  }

  it.scopedLive("reads since a time that is so long ago", () =>
    Effect.gen(function* () {
      const { asked } = yield* byAlice(log(0), "history", "#ops", "--since", "1h")
      const since = Number(/since=(\d+)/u.exec(asked[0] ?? "")?.[1])
      assert.approximately(Date.now() - since, 3_600_000, 60_000)
    })
  )

  it.scopedLive("prints an object for each line with --json", () =>
    Effect.gen(function* () {
      const at = "2025-11-26T10:00:01.123Z"
      const facts = { from: "zoë", text: 'a: "b"', at, seq: 17, guest: true, auto: true, to: ["carol", "#dev"] }
      const room = yield* byAlice(withParams, "history", "#ops", "--json")
      assert.deepStrictEqual(objects(room.output), [{ ...facts, room: "#ops" }])
      const direct = yield* byAlice(withParams, "history", "bob", "--json")
      assert.deepStrictEqual(objects(direct.output), [{ ...facts, with: "bob" }])
    })
  )

  it.scopedLive("enters a room as a guest, if there is one, and an account only with --join", () =>
    Effect.gen(function* () {
      const closed = (): Command => {
        let isIn = false
        return (line, label, connection) => {
          if (line.startsWith("/join")) {
            isIn = true
            return [`* room @${label} #ops members=1 last=2: x`]
          }
          return isIn ? log(2)(line, label, connection) : refuse("not-member")(line, label, connection)
        }
      }
      const guest = yield* byGuest(closed(), "history", "#ops")
      assert.deepStrictEqual(numbers(guest.output), [1, 2])
      assert.deepStrictEqual(
        guest.asked.map((line) => line.split(" ", 1)[0]),
        ["/history", "/join", "/history"]
      )
      const account = yield* byAlice(closed(), "history", "#ops")
      assert.deepStrictEqual([account.status, account.output], [1, ""])
      assert.strictEqual(account.errors, "a-chat: not-member: sorry; add --join to enter #ops\n")
      const joining = yield* byAlice(closed(), "history", "#ops", "--join")
      assert.deepStrictEqual(numbers(joining.output), [1, 2])
      const absent = yield* byGuest(refuse("no-room"), "history", "#ops")
      assert.deepStrictEqual([absent.status, absent.errors], [1, "a-chat: no-room: sorry\n"])
      assert.deepStrictEqual(absent.asked, ["/history #ops limit=50"])
    })
  )

  const mistakes: ReadonlyArray<readonly [args: ReadonlyArray<string>, complaint: string]> = [
    [[], "a room or a name is required; a room needs quotes in a shell, where # begins a comment: '#ops'"],
    [["#"], 'not a recipient: "#"'],
    [["a b"], 'not a recipient: "a b"'],
    [["#ops", "--since", "soon"], '--since: "soon" is neither the number of a line nor a time'],
    [["#ops", "--since", "2026-13-01"], '--since: "2026-13-01" is neither'],
    [["#ops", "--limit", "few"], `--limit: "few" is not a whole number`]
  ]
  for (const [args, complaint] of mistakes) {
    it.scopedLive(`explains what is wrong with ${JSON.stringify(args)}`, () =>
      Effect.gen(function* () {
        const { asked, errors, status } = yield* byGuest(log(1), "history", ...args)
        assert.include(errors, complaint)
        assert.deepStrictEqual([status, asked], [2, []])
      })
    )
  }

  it.scopedLive("says so where the server keeps nothing, or does not answer", () =>
    Effect.gen(function* () {
      const unknown = yield* byGuest(
        (_, label) => [`! unknown-command @${label} history: no such command`],
        "history",
        "#ops"
      )
      assert.strictEqual(unknown.status, 1)
      assert.include(unknown.errors, "this server keeps no lines")
      const silent = yield* byGuest(() => [], "history", "#ops", "--timeout", "1s")
      assert.deepStrictEqual([silent.status, silent.errors], [3, "a-chat: no reply within 1s\n"])
      const broken = yield* byGuest(() => "reset", "history", "#ops")
      assert.strictEqual(broken.status, 3)
    })
  )
})

const found: Command = (_, label) => [
  `* past @${label} #ops bob seq=9 at=9: disk full`,
  `* past @${label} bob alice seq=1 at=1: disk`,
  `* end @${label} search count=2: x`
]

describe.concurrent("a-chat search", () => {
  it.scopedLive("prints the lines that were found, with their conversations", () =>
    Effect.gen(function* () {
      const { asked, output, status } = yield* byAlice(found, "search", "disk", "full")
      assert.strictEqual(status, 0)
      assert.strictEqual(
        output,
        "1970-01-01T00:00:00.009Z #ops bob: disk full\n1970-01-01T00:00:00.001Z bob alice: disk\n"
      )
      assert.deepStrictEqual(asked, ["/search limit=20 disk full"])
      const json = yield* byAlice(found, "search", "--json", "--in", "#ops", "--limit", "5", "--", "--disk")
      assert.deepStrictEqual(json.asked, ["/search in=#ops limit=5 --disk"])
      assert.deepStrictEqual(
        objects(json.output).map(({ room, seq, with: name }) => [room ?? name, seq]),
        [
          ["#ops", 9],
          ["bob", 1]
        ]
      )
    })
  )

  it.scopedLive("has status 1 if nothing was found, or it was refused", () =>
    Effect.gen(function* () {
      const nothing = yield* byAlice((_, label) => [`* end @${label} search count=0: x`], "search", "disk")
      assert.deepStrictEqual([nothing.status, nothing.output, nothing.errors], [1, "", ""])
      const inNone = yield* byGuest((_, label) => [`* end @${label} search count=0: x`], "search", "disk")
      assert.deepStrictEqual(
        [inNone.status, inNone.errors],
        [1, "a-chat: a guest searches one room: name it with --in\n"]
      )
      const named = yield* byGuest(
        (_, label) => [`* end @${label} search count=0: x`],
        "search",
        "--login",
        "alice",
        "x"
      )
      assert.deepStrictEqual([named.status, named.errors], [inNone.status, inNone.errors])
      const guest = yield* byGuest(refuse("guest"), "search", "disk")
      assert.deepStrictEqual(
        [guest.status, guest.errors],
        [1, "a-chat: guest: sorry; log in to an account with --login\n"]
      )
    })
  )

  it.scopedLive("needs words", () =>
    Effect.gen(function* () {
      const { errors, status } = yield* byAlice(found, "search", "--in", "#ops", "--", " ")
      assert.deepStrictEqual([status, errors], [2, "a-chat: words to search for are required: a-chat search TEXT\n"])
      const flag = yield* byAlice(found, "search", "disk", "--in", "#")
      assert.include(flag.errors, "quote the # of a room in a shell")
    })
  )
})
