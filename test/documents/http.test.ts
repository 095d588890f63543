import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { spawn, spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { type HookKind, hookKindNames } from "../../src/http/HookKind.js"
import * as HookKinds from "../../src/http/HookKinds.js"
import * as HookTemplate from "../../src/http/HookTemplate.js"
import * as Documents from "../support/Documents.js"
import { eventually } from "../support/Eventually.js"
import * as Program from "../support/Program.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import * as Tcp from "../../src/transport/Tcp.js"
import * as WireClient from "../support/WireClient.js"

const hasCurl = spawnSync("curl", ["--version"]).status === 0

/** The commands with curl in a document, without their comments. */
const commandsIn = (document: string) =>
  Documents.blocks(Documents.text(document), "sh")
    .flatMap((block) => block.split("\n"))
    .filter((line) => line.startsWith("curl "))
    .map((line) => line.replace(/\s+# .*$/u, ""))

const curl = (command: string, folder: string) =>
  Effect.async<{ readonly said: () => string; readonly stop: () => void; readonly ended: Promise<number | null> }>(
    (resume) => {
      const child = spawn("sh", ["-c", `exec ${command}`], { cwd: folder, stdio: ["ignore", "pipe", "ignore"] })
      let said = ""
      child.stdout.setEncoding("utf8").on("data", (part: string) => (said += part))
      const ended = new Promise<number | null>((done) => child.on("close", done))
      resume(Effect.succeed({ said: () => said, stop: () => child.kill(), ended }))
    }
  )

describe.skipIf(!hasCurl)("The commands with curl", () => {
  it("are in README.md and in HTTP.md", () => {
    assert.lengthOf(commandsIn("README.md"), 1)
    assert.lengthOf(commandsIn("HTTP.md"), 7)
  })

  it.scopedLive("do what the documents say", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const { port, says } = yield* Program.startServer(["--web", "0", "--store", "memory"])
      const web = yield* says("errors", /address=http:\S+:(\d+)/u)
      writeFileSync(join(folder, "report.txt"), "one\ntwo\n")
      const bob = yield* Effect.orDie(WireClient.connect(Tcp.address("127.0.0.1", Number(port))))
      yield* bob.send("bob\n/hello\n/join #ops\n")
      const gets = (start: string) =>
        bob.until(`a line ${start}`, () => bob.lines.find((line) => line.startsWith(start)))
      yield* gets("* room #ops ")
      for (const command of [...commandsIn("README.md"), ...commandsIn("HTTP.md")]) {
        const run = yield* curl(command.replaceAll("127.0.0.1:8081", `127.0.0.1:${web}`), folder)
        if (command.includes("/listen")) {
          yield* gets("* joined watcher")
          yield* bob.send("watcher: hi\n")
          yield* eventually(() => run.said().includes("from bob: hi\n"), `${command} does not print the message`)
          run.stop()
          continue
        }
        assert.strictEqual(yield* Effect.promise(() => run.ended), 0, command)
        const said = JSON.parse(run.said())
        if (command.includes("SECRET")) assert.strictEqual(said.error.code, "wrong-password")
        else if (command.includes("/send/")) {
          const outcomes = said.outcomes.map(({ outcome }: { readonly outcome: string }) => outcome)
          assert.isNotEmpty(outcomes)
          assert.isTrue(
            outcomes.every((outcome: string) => outcome === "written" || outcome === "stored"),
            run.said()
          )
        } else if (command.includes("/history/")) {
          assert.include(said.lines.at(-1), { from: "ci", room: "#ops", text: "the build is done" })
        } else assert.include(said.names, "bob")
      }
      yield* gets("from http: two")
    })
  )
})

describe("The webhooks in HTTP", () => {
  it("show an event of each kind, and the line that it becomes", () => {
    const [block = ""] = Documents.blocks(Documents.text("HTTP.md"), "text")
    const events = block.trim().split("\n\n")
    const kinds = events.map((event) => {
      const [about = "", payload = "", line] = event.split("\n")
      const [kind = ""] = about.split(",")
      const template = /--template "(.*)"/u.exec(about)?.[1]
      const headers = { "x-github-event": /X-GitHub-Event: (\w+)/u.exec(about)?.[1] }
      const parsed = template === undefined ? undefined : Either.getOrThrow(HookTemplate.parse(template))
      const hook = { kind: kind as HookKind, template: parsed } // an unknown one has no line
      assert.strictEqual(HookKinds.lineFor(hook, headers, JSON.parse(payload)), line)
      return kind
    })
    assert.deepStrictEqual(kinds, [...hookKindNames])
  })
})
