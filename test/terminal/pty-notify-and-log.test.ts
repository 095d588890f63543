import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import * as Fs from "node:fs/promises"
import * as Path from "node:path"
import { eventually } from "../support/Eventually.js"
import { ctrl, enter } from "../support/MemoryTerminal.js"
import * as LocalServer from "../support/LocalServer.js"
import * as Program from "../support/Program.js"
import * as Pty from "../support/Pty.js"
import { alone, atTerminal, home, isRestored, isRunning } from "../support/PtyClients.js"
import { foreign } from "../support/TerminalEmulator.js"

/** Whether no file system of a few blocks can be mounted. */
const noTmpfs =
  spawnSync("unshare", ["--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]).status !== 0

describe.skipIf(Pty.missing !== undefined)(atTerminal, { concurrent: true }, () => {
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
      const mount =
        `mount -t tmpfs -o size=16k,mode=700 none ${disk} && head -c 16384 /dev/zero > ${disk}/filler ` +
        `&& exec "$0" "$@"`
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
      yield* eventually(() => /to alice \w+: four\n/u.test(read()), "the log did not continue")
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
})
