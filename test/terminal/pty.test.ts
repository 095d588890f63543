import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs/promises"
import * as Path from "node:path"
import { eventually } from "../support/Eventually.js"
import { ctrl, enter, paste, tab, up } from "../support/MemoryTerminal.js"
import * as LocalServer from "../support/LocalServer.js"
import * as Program from "../support/Program.js"
import * as Pty from "../support/Pty.js"
import { alone, atPrompt, atTerminal, home, isRestored, isRunning } from "../support/PtyClients.js"
import { foreign } from "../support/TerminalEmulator.js"

/** The same with the built server, which can be killed. */
const aloneOnProgram = (args: ReadonlyArray<string> = []) =>
  Effect.flatMap(Program.startServer(), (server) => atPrompt(server, args))

describe.skipIf(Pty.missing !== undefined)(atTerminal, { concurrent: true }, () => {
  it.scopedLive("asks for the login, talks, completes, and keeps a history without the login", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* alone()
      const folder = yield* home
      const bob = yield* Pty.start(["connect", "--port", server.port], { HOME: folder })
      yield* bob.sees(/\nlogin: $/u)
      yield* bob.types(`bob${enter}`)
      yield* bob.sees("as bob")
      yield* alice.types(`bob: hi${enter}`)
      yield* bob.sees("alice › hi")
      yield* bob.types(`${tab}hello${enter}`)
      yield* bob.sees(/✓ alice ‹ hello\n\S* ?alice › $/u)
      yield* alice.sees("bob › hello")
      yield* bob.types(`${up}!${enter}`)
      yield* alice.sees("bob › hello!")
      yield* bob.sees("✓ alice ‹ hello!")
      yield* bob.types(ctrl("d"))
      assert.strictEqual(yield* isRestored(bob), "0")
      const history = yield* Effect.promise(() => Fs.readFile(Path.join(folder, ".local/state/a-chat/history"), "utf8"))
      assert.strictEqual(history, "alice: hello\nalice: hello!\n")
    })
  )

  it.scopedLive("offers $USER as the login, and shows who is present", () =>
    Effect.gen(function* () {
      const { server } = yield* alone()
      const folder = yield* home
      const bob = yield* Pty.start(["connect", "--port", server.port], { HOME: folder, USER: "bob" })
      yield* bob.sees(/\nlogin \(bob\): $/u)
      yield* bob.types(enter)
      yield* bob.sees(/as bob; see \/help\n.*· 2 here: alice, bob\n› $/u)
      const other = yield* Pty.start(["connect", "--port", server.port], { HOME: folder, USER: "not a name" })
      yield* other.sees(/\nlogin: $/u)
      yield* other.types(ctrl("d"))
      assert.strictEqual((yield* other.ended).status, "0")
    })
  )

  it.scopedLive("keeps the prompt under a flood while the user types and the window is resized", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* alone()
      const lines = Array.from({ length: 3_000 }, (_, index) => `line ${index}, and some words more`)
      const flood = yield* Program.start(["connect", "--port", server.port, "--login", "bob"])
      const typed = "typed under a flood"
      for (const [index, key] of [...typed].entries()) {
        flood.input.write(
          lines
            .slice(index * 150, (index + 1) * 150)
            .map((line) => `alice: ${line}\n`)
            .join("")
        )
        yield* alice.types(key)
        if (index % 4 === 3) yield* alice.resizes(90 - 2 * index, 24 + index)
      }
      flood.input.write(
        lines
          .slice(typed.length * 150)
          .map((line) => `alice: ${line}\n`)
          .join("")
      )
      yield* alice.sees(/line 2999[^]*\n› typed under a flood$/u)
      const said = alice.lines().flatMap((line) => /bob › (line \d+, and some words more)$/u.exec(line)?.[1] ?? [])
      assert.deepStrictEqual(said, lines)
      assert.deepStrictEqual(foreign(alice.written()), [])
    })
  )

  it.scopedLive("asks once about a paste of several lines", () =>
    Effect.gen(function* () {
      const { alice } = yield* alone()
      yield* alice.types(`alice: ${paste("one\r\x1b[2Jtwo\rthree\r")}`)
      yield* alice.sees("y/n: send 3 lines to alice?")
      yield* alice.types("y")
      yield* alice.sees(String.raw`✓ alice ‹ \x1b[2Jtwo`)
      yield* alice.sees(/✓ alice ‹ three\n[^]*alice › three|alice › three[^]*✓ alice ‹ three/u)
      assert.deepStrictEqual(foreign(alice.written()), [])
    })
  )

  it.scopedLive("keeps a paste whose end never arrives, and still leaves on Ctrl-C", () =>
    Effect.gen(function* () {
      const { alice } = yield* alone()
      yield* alice.types("\x1b[200~x")
      yield* alice.sees(/\n› x$/u)
      yield* alice.types("yz")
      yield* alice.sees(/\n› xyz$/u)
      yield* alice.types("\x1b[200~1")
      yield* alice.types(ctrl("c"))
      yield* alice.types(ctrl("c"))
      assert.strictEqual(yield* isRestored(alice), "0")
    })
  )

  it.scopedLive("takes no report of the terminal for typing, whole or split", () =>
    Effect.gen(function* () {
      const { alice } = yield* alone()
      const reports = [
        "\x1b[<35;10;10M",
        "\x1b[?1;2c",
        "\x1b[I",
        "\x1b]11;rgb:0000/0000/0000\x07",
        "\x1bP>|xterm\x1b\\"
      ]
      yield* alice.types(reports.join(""))
      yield* alice.types("a")
      yield* alice.sees(/\n› a$/u)
      for (const byte of reports.join("")) yield* alice.types(byte)
      yield* alice.types("b")
      yield* alice.sees(/\n› ab$/u)
    })
  )

  it.scopedLive("takes a terminal without a size for one of 80x24, or of COLUMNS and LINES", () =>
    Effect.gen(function* () {
      const server = yield* LocalServer.start()
      const text = "words that fill more than sixty columns, but fewer than eighty"
      for (const [environment, end] of [
        [{}, /\n› words that [^\n]* than eighty$/u],
        [{ COLUMNS: "60", LINES: "20" }, /\n› ‹[^\n]* than eighty$/u],
        [{ COLUMNS: "0", LINES: "-1" }, /\n› words that [^\n]* than eighty$/u]
      ] as const) {
        const args = ["connect", "--port", server.port, "--login", "alice", "--history", "off"]
        const alice = yield* Pty.start(args, environment, { columns: 0, rows: 0 })
        yield* alice.sees("as alice; see /help")
        yield* alice.types(text)
        yield* alice.sees(end)
        yield* alice.types(`${ctrl("c")}${ctrl("c")}`)
        yield* alice.ended
      }
    })
  )

  it.scopedLive("reconnects after the server was killed, and sends what was typed meanwhile", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* aloneOnProgram()
      yield* alice.types(`alice: first${enter}`)
      yield* alice.sees("✓ alice ‹ first")
      yield* server.kill("SIGKILL")
      yield* alice.sees("trying again; your lines are kept")
      yield* alice.types(`second${enter}third${enter}half`)
      yield* alice.sees(/… alice ‹ third — not sent yet\n[^]*\nalice › half$/u)
      yield* Program.startServer(["--port", server.port])
      yield* alice.sees(/connected to \S+ again[^]*alice › second\n[^]*alice › third\n/u)
      yield* alice.sees(/✓ alice ‹ third[^]*\nalice › half$/u)
    })
  )

  it.scopedLive("delivers what was typed while the server was away to users who return later", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* aloneOnProgram(["--history", "off"])
      const connect = ["connect", "--port", server.port, "--history", "off"]
      const [bob, carol] = yield* Effect.all([
        Pty.start([...connect, "--login", "bob"]),
        Pty.start([...connect, "--login", "carol"])
      ])
      yield* alice.sees(/joined[^]*\n› $/u)
      yield* Effect.all([bob.sees("as bob"), carol.sees("as carol")])
      yield* server.kill("SIGKILL")
      for (const person of [alice, bob, carol]) yield* person.sees("trying again; your lines are kept")
      yield* bob.kill("SIGSTOP")
      yield* alice.types(`bob: one${enter}bob, carol: two${enter}carol: three${enter}`)
      yield* alice.sees("… carol ‹ three — not sent yet")
      yield* Program.startServer(["--port", server.port])
      for (const person of [alice, carol]) yield* person.sees(/connected to \S+ again/u)
      yield* alice.sees(/… bob ‹ one — waiting for bob\n[^]*… bob, carol ‹ two — waiting for bob\n/u)
      assert.notInclude(carol.lines().join("\n"), "three")
      yield* bob.kill("SIGCONT")
      yield* bob.sees(/alice › one\n[^]*alice \(also to carol\) › two\n/u)
      yield* carol.sees(/alice \(also to bob\) › two\n[^]*alice › three\n/u)
      for (const outcome of ["✓ bob ‹ one", "✓ bob, carol ‹ two", "✓ carol ‹ three"]) yield* alice.sees(outcome)
    })
  )

  for (const [how, status, end] of [
    ["Ctrl-C twice", "0", (alice: Pty.Pty) => alice.types(`${ctrl("c")}${ctrl("c")}`)],
    ["/quit", "0", (alice: Pty.Pty) => alice.types(`${ctrl("u")}/quit${enter}`)],
    ["SIGTERM", "143", (alice: Pty.Pty) => alice.kill("SIGTERM")],
    ["SIGINT", "130", (alice: Pty.Pty) => alice.kill("SIGINT")],
    ["SIGHUP", "129", (alice: Pty.Pty) => alice.kill("SIGHUP")],
    ["a crash", "1", (alice: Pty.Pty) => alice.kill("SIGUSR2")]
  ] as const) {
    it.scopedLive(`restores the terminal after ${how}, and exits with ${status}`, () =>
      Effect.gen(function* () {
        const { alice } = yield* alone(["--history", "off"])
        yield* alice.types("half a line")
        yield* alice.sees(/› half a line$/u)
        assert.isTrue(alice.modes().marksPastes)
        yield* end(alice)
        assert.strictEqual(yield* isRestored(alice), status)
        assert.notInclude(alice.lines().join("\n"), "› half a line")
      })
    )
  }

  it.scopedLive("leaves in order when the window is closed", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* aloneOnProgram()
      const bob = yield* Program.start(["connect", "--port", server.port])
      bob.input.write("bob\n/hello\n")
      yield* bob.says("output", /hello/u)
      yield* alice.closes
      yield* bob.says("output", /\* left alice/u)
      yield* server.says("errors", /reason=quit [^\n]*name=alice/u)
      yield* eventually(() => !isRunning(alice.pid), "runs on without a terminal")
    })
  )

  it.scopedLive("is the line client with --plain, and at a dumb terminal", () =>
    Effect.gen(function* () {
      const server = yield* LocalServer.start()
      for (const [args, environment] of [
        [["--plain"], {}],
        [[], { TERM: "dumb" }],
        [[], { ACHAT_PLAIN: "true" }]
      ] as const) {
        const alice = yield* Pty.start(["connect", "--port", server.port, ...args], environment)
        yield* alice.types("alice\nalice: hi\n")
        yield* alice.sees(/\nfrom alice: hi$/u)
        yield* alice.types(ctrl("d"))
        assert.strictEqual((yield* alice.ended).status, "0")
        assert.notInclude(alice.written(), "\x1b[")
      }
    })
  )

  it.scopedLive("displays joined characters as they were sent, in every client and in the line being typed", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* alone()
      const args = ["--port", server.port, "--login"]
      const listening = yield* Pty.start(["listen", ...args, "bob"])
      const plain = yield* Pty.start(["connect", "--plain", ...args, "carol"])
      const json = yield* Pty.start(["listen", "--json", ...args, "dave"])
      for (const name of ["bob", "carol", "dave"]) yield* alice.sees(name)
      const [joined, hidden] = ["👩\u200d💻 می\u200cخواهم", "a\u200db"]
      yield* alice.types(`alice, bob, carol, dave: ${joined} ${hidden}`)
      yield* alice.sees(new RegExp(`\\n› alice, bob, carol, dave: ${joined} a\\\\u\\{200d\\}b$`, "u"))
      yield* alice.types(enter)
      const shown = String.raw`: ${joined} a\u{200d}b`
      yield* alice.sees(`alice (also to bob, carol, dave) › ${shown.slice(2)}`)
      yield* listening.sees(`from alice${shown}`)
      yield* plain.sees(`from alice${shown}`)
      yield* json.sees(String.raw`"text":"${joined} a\u200db"`)
      for (const terminal of [alice, listening, plain, json]) assert.deepStrictEqual(foreign(terminal.written()), [])
    })
  )

  it.scopedLive("refuses in a pipe what only a terminal has, unless it is a general setting", () =>
    Effect.gen(function* () {
      const { port } = yield* LocalServer.start()
      for (const flag of ["--notify", "--log-dir"]) {
        const ended = yield* Program.run(["connect", "--port", port, "--login", "alice", flag, "x"])
        assert.strictEqual(ended.status, 2)
        assert.include(ended.errors, `a-chat: ${flag} needs a terminal with a prompt`)
      }
      const environment = { ACHAT_NOTIFY: "x", ACHAT_LOG_DIR: "x", ACHAT_NOTIFY_OSC: "777" }
      const ended = yield* Program.run(["connect", "--port", port, "--login", "alice"], {
        environment,
        input: "alice: alice\n"
      })
      assert.deepStrictEqual(ended, { status: 0, output: "from alice: alice\n", errors: "" })
    })
  )

  it.scopedLive("respects NO_COLOR and a locale that is not UTF-8", () =>
    Effect.gen(function* () {
      const server = yield* LocalServer.start()
      const folder = yield* home
      const environment = { HOME: folder, NO_COLOR: "1", LC_ALL: "C" }
      const alice = yield* Pty.start(["connect", "--port", server.port, "--login", "alice"], environment)
      yield* alice.sees("as alice")
      yield* alice.types(`alice: gr\u00fc\u00dfe${enter}`)
      yield* alice.sees(String.raw`ok alice < gr\u{fc}\u{df}e`)
      const shown = alice.written().slice(alice.written().indexOf("connected"))
      assert.notMatch(shown, /\[\d[\d;]*m/u)
    })
  )

  it.scopedLive("reports a wrong login, flag and address", () =>
    Effect.gen(function* () {
      const { alice, folder, server } = yield* aloneOnProgram()
      const second = yield* Pty.start(["connect", "--port", server.port, "--login", "alice"], { HOME: folder })
      yield* second.sees(/✗ login-in-use: that name[^]*\nlogin: $/u)
      yield* second.types(ctrl("d"))
      assert.strictEqual(yield* isRestored(second), "1")
      yield* alice.types(ctrl("d"))
      yield* alice.ended
      const bell = yield* Pty.start(["connect", "--bell", "loud"])
      yield* bell.sees('a-chat: --bell: "loud" is not one of on, mentions, off')
      yield* server.kill("SIGTERM")
      yield* server.ended
      const nobody = yield* Pty.start(["connect", "--port", server.port, "--login", "alice"], { HOME: folder })
      assert.strictEqual(yield* isRestored(nobody), "2")
      yield* nobody.sees("no server is listening there")
    })
  )
})
