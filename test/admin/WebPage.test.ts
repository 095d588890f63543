import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { chromiumPath } from "../../scripts/chromium.mjs"
import * as Tcp from "../../src/transport/Tcp.js"
import * as Program from "../support/Program.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import * as WireClient from "../support/WireClient.js"

/** The page after seven seconds of its own time, and what it wrote to the console. */
const open = (url: string, profile: string) =>
  Effect.async<{ readonly dom: string; readonly console: string }>((resume) => {
    const options = [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--enable-logging=stderr",
      `--user-data-dir=${profile}`,
      "--virtual-time-budget=7000",
      "--dump-dom"
    ]
    execFile(chromiumPath ?? "", [...options, url], { timeout: 60_000, maxBuffer: 1e8 }, (_, dom, errors) =>
      resume(
        Effect.succeed({
          dom,
          console: errors
            .split("\n")
            .filter((line) => line.includes("CONSOLE"))
            .join("\n")
        })
      )
    )
  })

describe("the web page", () => {
  it.scopedLive(
    "shows the connections, the ledger and the last closings in a browser",
    (context) =>
      Effect.gen(function* () {
        if (chromiumPath === undefined) return context.skip("Chromium is not installed (package chromium)")
        const server = yield* Program.startServer(["--admin", "0"])
        const admin = yield* server.says("errors", /message="admin listening" address=\S+:(\d+)/u)
        const bob = yield* Program.start(["connect", "--port", server.port, "--login", "bob"])
        bob.input.write("/ping here\n/nosuch\nno colon\nno colon\n/ping there\n")
        yield* bob.says("output", /pong: there/u)
        yield* Program.run(["send", "--port", server.port, "--login", "alice", "bob,carol", "hi"])
        const { console, dom } = yield* open(`http://127.0.0.1:${admin}/`, yield* temporaryFolder)
        assert.strictEqual(console, "")
        const text = dom.replaceAll(/<[^>]*>/gu, " ").replaceAll(/\s+/gu, " ")
        assert.match(text, /version 0\.1\.0, up /u)
        assert.match(text, /accepted 2 written 0 received 1 stored 0 returned 1 dead 0 in flight 0 unaccounted 0/u)
        assert.match(text, /Refusals .* bad-line 2 unknown-command 1 Connections/u)
        assert.match(text, /name from since idle .* bob 127\.0\.0\.1:\d+ /u)
        assert.match(text, /alice 127\.0\.0\.1:\d+ left /u)
        assert.match(dom, /<section id="store" hidden/u)
        return assert.match(dom, /<path class="line" d="M[\d.,L]+"/u)
      }),
    90_000
  )

  it.scopedLive(
    "shows the state of the store",
    (context) =>
      Effect.gen(function* () {
        if (chromiumPath === undefined) return context.skip("Chromium is not installed (package chromium)")
        const server = yield* Program.startServer(["--admin", "0", "--store", join(yield* temporaryFolder, "chat.db")])
        const admin = yield* server.says("errors", /message="admin listening" address=\S+:(\d+)/u)
        const alice = yield* WireClient.join(Tcp.address("127.0.0.1", Number(server.port)), "alice")
        yield* alice.send("/register correct horse\nalice: a note\n/join #ops\n/slow #ops 5s\n/lock #ops\n")
        for (const start of ["from alice: a note", "* locked #ops"]) {
          yield* alice.until(start, () => alice.lines.find((line) => line.startsWith(start)))
        }
        const { console, dom } = yield* open(`http://127.0.0.1:${admin}/`, yield* temporaryFolder)
        assert.strictEqual(console, "")
        assert.match(dom, /<section id="store">/u)
        const text = dom.replaceAll(/<[^>]*>/gu, " ").replaceAll(/\s+/gu, " ")
        assert.match(text, /Rooms room members here waiting state owner last line #ops 1 1 locked, slow: 5 s alice 0 /u)
        return assert.match(
          text,
          /every ten seconds\. state ok stored \d .* texts \d+ B on disk [\d.]+ MiB .* mean commit .* damaged pages 0 /u
        )
      }),
    90_000
  )

  it.scopedLive(
    "shows the requests of scripts",
    (context) =>
      Effect.gen(function* () {
        if (chromiumPath === undefined) return context.skip("Chromium is not installed (package chromium)")
        const server = yield* Program.startServer(["--admin", "0", "--web", "0"])
        const admin = yield* server.says("errors", /message="admin listening" address=\S+:(\d+)/u)
        const web = yield* server.says("errors", /address=http:\S+:(\d+)/u)
        const status = yield* Effect.promise(() => fetch(`http://127.0.0.1:${web}/who`).then((answer) => answer.status))
        assert.strictEqual(status, 200)
        const hook = yield* Effect.promise(() =>
          fetch(`http://127.0.0.1:${web}/hook/none`, { method: "POST", body: "{}" }).then((answer) => answer.status)
        )
        assert.strictEqual(hook, 404)
        const { console, dom } = yield* open(`http://127.0.0.1:${admin}/`, yield* temporaryFolder)
        assert.strictEqual(console, "")
        assert.match(dom, /<section id="http">/u)
        const text = dom.replaceAll(/<[^>]*>/gu, " ").replaceAll(/\s+/gu, " ")
        assert.match(text, /before the answer\. requests 2 a second [\d.]+ refused 1 streams 0 webhooks 1 unheard 0 /u)
        return assert.match(text, /path requests refused by status \/hook 1 1 404: 1 \/who 1 200: 1 /u)
      }),
    90_000
  )
})
