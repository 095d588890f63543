import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"
import * as Path from "node:path"
import { eventually } from "../support/Eventually.js"
import { ctrl, enter, paste, tab, up } from "../support/MemoryTerminal.js"
import * as LocalServer from "../support/LocalServer.js"
import * as Program from "../support/Program.js"
import * as Pty from "../support/Pty.js"
import { foreign } from "../support/TerminalEmulator.js"

/** Whether no file system of a few blocks can be mounted. */
const noTmpfs =
  spawnSync("unshare", ["--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]).status !== 0

const home = Effect.acquireRelease(
  Effect.promise(() => Fs.mkdtemp(Path.join(Os.tmpdir(), "a-chat-"))),
  (path) => Effect.promise(() => Fs.rm(path, { recursive: true }))
)

/** Alice at the prompt of a real terminal, and a server in the test's own process. */
const alone = (args: ReadonlyArray<string> = [], environment: Readonly<Record<string, string>> = {}) =>
  Effect.flatMap(LocalServer.start(), (server) => atPrompt(server, args, environment))

/** The same with the built server, which can be killed. */
const aloneOnProgram = (args: ReadonlyArray<string> = []) =>
  Effect.flatMap(Program.startServer(), (server) => atPrompt(server, args))

const atPrompt = <Server extends { readonly port: string }>(
  server: Server,
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>> = {}
) =>
  Effect.gen(function* () {
    const folder = yield* home
    const alice = yield* Pty.start(["connect", "--port", server.port, "--login", "alice", ...args], {
      HOME: folder,
      ...environment
    })
    yield* alice.sees(/connected to 127\.0\.0\.1:\d+ as alice[^]*\n› $/u)
    return { alice, server, folder }
  })

const isRunning = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Everything that the program changed is as it was. */
const isRestored = (terminal: Pty.Pty) =>
  Effect.gen(function* () {
    const { isRaw, status } = yield* terminal.ended
    assert.isFalse(isRaw)
    assert.deepStrictEqual(terminal.modes(), { marksPastes: false, wraps: true, reportsFocus: false })
    const written = terminal.written()
    assert.isAbove(written.lastIndexOf("\x1b[?25h"), written.lastIndexOf("\x1b[?25l"))
    return status
  })

const title = `a-chat connect at a terminal (${Pty.missing ?? "script, stty"})`

describe.skipIf(Pty.missing !== undefined)(title, { concurrent: true }, () => {
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

  it.scopedLive("asks the terminal and a command to notify the user, unless the terminal has the focus", () =>
    Effect.gen(function* () {
      const folder = yield* home
      const file = Path.join(folder, "notified")
      const command = `{ echo "$ACHAT_FROM $ACHAT_MENTION"; cat; } >> ${file}; echo noise; echo noise >&2; kill -9 $$`
      const { alice, server } = yield* alone(["--notify", command, "--notify-osc", "9"], { TERM: "foot" })
      assert.isTrue(alice.modes().reportsFocus)
      const says = (text: string) => Program.run(["send", "--port", server.port, "--login", "bob", "alice", text])
      yield* alice.types("\x1b[I")
      yield* says("you look")
      yield* alice.sees("bob › you look")
      yield* alice.types("\x1b[O")
      yield* alice.types("typed")
      yield* alice.sees(/typed$/u)
      yield* says("hi alice; now")
      yield* alice.sees("bob » hi alice; now")
      yield* eventually(() => alice.written().includes("\x1b]9;bob mentions you: hi alice, now\x07"), "no sequence")
      yield* alice.sees(/✗ the command of --notify failed \(ended by SIGKILL\); this is reported once\n› typed$/u)
      assert.strictEqual(yield* Effect.promise(() => Fs.readFile(file, "utf8")), "bob yes\nhi alice; now\n")
      assert.notInclude(alice.written(), "you look\x07")
      assert.notInclude(alice.lines().join("\n"), "noise")
      assert.deepStrictEqual(foreign(alice.written()), [])
      yield* alice.types(ctrl("u") + ctrl("d"))
      assert.strictEqual(yield* isRestored(alice), "0")
    })
  )

  it.scopedLive("ends the command of --notify when it ends", () =>
    Effect.gen(function* () {
      const folder = yield* home
      const file = Path.join(folder, "pid")
      const { alice, server } = yield* alone(["--notify", `echo $$ > ${file}; exec sleep 300`])
      yield* Program.run(["send", "--port", server.port, "alice", "hi"])
      const pid = Effect.promise(() => Fs.readFile(file, "utf8").then(Number, () => 0))
      let running = 0
      while (running === 0) running = yield* Effect.delay(pid, "10 millis")
      assert.isTrue(isRunning(running))
      yield* alice.types(ctrl("d"))
      assert.strictEqual(yield* isRestored(alice), "0")
      yield* eventually(() => !isRunning(running), "the command still runs")
    })
  )

  it.scopedLive("logs conversations, to the last line", () =>
    Effect.gen(function* () {
      const logs = Path.join(yield* home, "a", "logs")
      const log = Path.join(logs, "bob.log")
      const { alice, server } = yield* alone(["--log-dir", logs])
      const bob = yield* Program.start(["connect", "--port", server.port, "--login", "Bob"])
      yield* alice.sees("Bob joined")
      bob.input.write("alice: \u202ehi\n")
      yield* alice.sees("Bob › ")
      yield* alice.types(`Bob: hello${enter}carol: hi${enter}${enter}`)
      yield* alice.sees("✗ carol ‹ hi — offline")
      yield* alice.types(`Bob: last${enter}${ctrl("d")}`)
      assert.strictEqual(yield* isRestored(alice), "0")
      const lines = (yield* Effect.promise(() => Fs.readFile(log, "utf8"))).split("\n")
      const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /u
      for (const line of lines.slice(0, -1)) assert.match(line, time)
      assert.deepStrictEqual(
        lines.map((line) => line.replace(time, "")),
        [
          `* alice at 127.0.0.1:${server.port}`,
          "from Bob: \\u{202e}hi",
          "to Bob received: hello",
          "to Bob received: last",
          ""
        ]
      )
      assert.strictEqual(((yield* Effect.promise(() => Fs.stat(log))).mode & 0o777).toString(8), "600")
      assert.strictEqual(((yield* Effect.promise(() => Fs.stat(logs))).mode & 0o777).toString(8), "700")
    })
  )

  it.scopedLive.skipIf(noTmpfs)("reports a full disk once, and chats and logs on", () =>
    Effect.gen(function* () {
      const server = yield* LocalServer.start()
      const folder = yield* home
      const disk = Path.join(folder, "disk")
      yield* Effect.promise(() => Fs.mkdir(disk))
      const mount = `mount -t tmpfs -o size=16k,mode=700 none ${disk} && head -c 16384 /dev/zero > ${disk}/filler && exec "$0" "$@"`
      const alice = yield* Pty.start(
        ["connect", "--port", server.port, "--login", "alice", "--log-dir", disk],
        { HOME: folder },
        undefined,
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount]
      )
      yield* alice.sees("as alice")
      for (const text of ["one", "two", "three"]) {
        yield* alice.types(`alice: ${text}${enter}`)
        yield* alice.sees(`✓ alice ‹ ${text}`)
      }
      yield* alice.sees(/✗ not logged: .*alice\.log: ENOSPC: no space left on\s+device/u)
      const inside = (file: string) => Path.join(`/proc/${alice.pid}/root`, disk, file)
      yield* Effect.promise(() => Fs.rm(inside("filler")))
      yield* alice.types(`alice: four${enter}`)
      yield* alice.sees("✓ alice ‹ four")
      const read = () => readFileSync(inside("alice.log"), "utf8")
      yield* eventually(() => /to alice \w+: four\n/u.test(read()), "the log did not go on")
      assert.match(read(), /\* lines missing here: \d+\n/u)
      yield* alice.types(ctrl("d"))
      assert.strictEqual((yield* alice.ended).status, "0")
      assert.lengthOf(
        alice
          .lines()
          .join("\n")
          .match(/not logged:/gu) ?? [],
        1
      )
      assert.match(alice.lines().join("\n"), /✗ \d+ lines were not logged/u)
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
