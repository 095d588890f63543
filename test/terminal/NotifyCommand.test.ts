import { assert, describe, it } from "@effect/vitest"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as NotifyCommand from "../../src/terminal/NotifyCommand.js"
import type { Notification } from "../../src/terminal/Notifier.js"
import { eventually } from "../support/Eventually.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

const notification = (text: string, more: Partial<Notification> = {}): Notification => ({
  message: { _tag: "Message", from: "bob", text },
  isMention: false,
  more: 0,
  ...more
})

const environment = { PATH: process.env["PATH"] ?? "" }

const isRunning = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const run = (command: string, one = notification("hi"), timeout?: Duration.DurationInput) =>
  NotifyCommand.run(one, "alice", { command, environment, timeout })

describe.concurrent("NotifyCommand.run", () => {
  it.scopedLive("gives the shell's command the message, and takes no part of it for a command", () =>
    Effect.gen(function* () {
      const file = Path.join(yield* temporaryFolder, "out")
      const hostile = "$(touch /tmp/x) `id` '; id; \" é"
      const command = `{ echo "$ACHAT_LOGIN $ACHAT_FROM $ACHAT_MENTION $ACHAT_MORE"; cat; } > ${file}`
      assert.isUndefined(yield* run(command, notification(hostile, { isMention: true, more: 3 })))
      assert.strictEqual(Fs.readFileSync(file, "utf8"), `alice bob yes 3\n${hostile}\n`)
      assert.isUndefined(yield* run(command))
      assert.strictEqual(Fs.readFileSync(file, "utf8"), "alice bob no 0\nhi\n")
    })
  )

  it.scopedLive("says what went wrong", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* run("exit 3"), "exit status 3")
      assert.strictEqual(yield* run("kill -9 $$"), "ended by SIGKILL")
      assert.strictEqual(yield* run("/nothing/there"), "exit status 127")
      assert.strictEqual(yield* run("sleep 60", notification("hi"), "200 millis"), "it did not end within 200ms")
      const gone = NotifyCommand.run(notification("hi"), "a\0b", { command: "true", environment })
      assert.match((yield* gone) ?? "", /^cannot be started: /u)
    })
  )

  it.scopedLive("needs no reader of its output, and no program that reads its input", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* run("head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2; exec <&-"))
      assert.isUndefined(yield* run("true", notification("x".repeat(1_000_000))))
    })
  )

  it.scopedLive("ends everything that it started when it is interrupted", () =>
    Effect.gen(function* () {
      const file = Path.join(yield* temporaryFolder, "pid")
      const command = `sleep 300 & echo $! > ${file}; wait`
      const running = yield* Effect.fork(run(command))
      const text = () => (Fs.existsSync(file) ? Fs.readFileSync(file, "utf8") : "")
      yield* eventually(() => text().endsWith("\n"), "the command did not start")
      yield* Fiber.interrupt(running)
      yield* eventually(() => !isRunning(Number(text())), "the command still runs")
    })
  )
})
