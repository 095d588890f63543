import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert } from "vitest"
import * as Program from "../support/Program.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

describe("a-chat hook", () => {
  it.scopedLive("adds a webhook whose sender can post at once, lists it, and removes it", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const [socket, hooks] = [join(folder, "control.sock"), join(folder, "hooks.json")]
      const server = yield* Program.startServer(["--web", "0", "--hooks", hooks, "--control", socket])
      const web = yield* server.says("errors", /address=http:\S+:(\d+)/u)
      yield* server.says("errors", /(control listening)/u)
      const run = (...words: ReadonlyArray<string>) => Program.run(["hook", "--socket", socket, ...words])
      const post = (secret: string) =>
        Effect.promise(() =>
          fetch(`http://127.0.0.1:${web}/hook/ci`, {
            method: "POST",
            body: '{"text":"x"}',
            headers: { authorization: `Bearer ${secret}` }
          }).then(({ status }) => status)
        )
      const about = ["--kind", "custom", "--room", "#ops", "--room", "#dev", "--template", "built: {text} {{"]
      const added = yield* run("add", "ci", ...about)
      assert.strictEqual(added.status, 0, added.errors)
      const secret = added.output.trim().split("\n")[1] ?? ""
      assert.match(secret, /^ahook_[\da-f]{32}$/u)
      // Nobody is in these rooms, so that nobody would read the line.
      assert.strictEqual(yield* post(secret), 404)
      assert.strictEqual(yield* post(`${secret}0`), 401)
      const listed = yield* run("list")
      assert.match(listed.output, /^ci +custom +ci +#ops, #dev +secret +\S+ +built: \{text\} \{\{$/mu)
      assert.notInclude(listed.output, secret)
      const again = yield* run("add", "ci", ...about)
      assert.deepStrictEqual([again.status, again.errors], [1, "a-chat: there already is a hook ci\n"])
      const removed = yield* run("remove", "ci", "--json")
      assert.deepStrictEqual(JSON.parse(removed.output), { ok: true, hook: "ci" })
      assert.strictEqual(yield* post(secret), 401)
      assert.strictEqual((yield* run("remove", "ci")).status, 1)
      // The log has what was asked, and no secret.
      yield* server.kill("SIGTERM")
      const { errors } = yield* server.ended
      assert.include(errors, "hook add ci kind=custom")
      assert.notInclude(errors, secret)
      assert.notInclude(readFileSync(hooks, "utf8"), secret)
    })
  )

  it.scopedLive("is refused by a server without webhooks", () =>
    Effect.gen(function* () {
      const socket = join(yield* temporaryFolder, "control.sock")
      const server = yield* Program.startServer(["--control", socket])
      yield* server.says("errors", /(control listening)/u)
      const { errors, status } = yield* Program.run(["hook", "list", "--socket", socket])
      assert.deepStrictEqual([status, errors], [1, "a-chat: this server has no webhooks; it needs --web and --hooks\n"])
    })
  )

  const mistakes: ReadonlyArray<readonly [words: ReadonlyArray<string>, mistake: RegExp]> = [
    [[], /^a-chat: write a-chat hook and one of add ID, remove ID, list$/mu],
    [["ad", "ci"], /did you mean add\?/u],
    [["add"], /^a-chat: write a-chat hook/mu],
    [["add", "ci"], /^a-chat: --kind is required: github, gitlab, grafana, alertmanager, custom$/mu],
    [["list", "ci"], /^a-chat: write a-chat hook/mu],
    [["add", "ci", "--kind", "github", "--room", "a b"], /is not a room/u]
  ]
  for (const [words, mistake] of mistakes) {
    it.scopedLive(`says what is wrong with: hook ${words.join(" ")}`, () =>
      Effect.gen(function* () {
        const { errors, status } = yield* Program.run(["hook", ...words, "--socket", "x"])
        assert.strictEqual(status, 2)
        assert.match(errors, mistake)
      })
    )
  }

  it.scopedLive("has hooks only for senders that can reach the server", () =>
    Effect.gen(function* () {
      const { errors, status } = yield* Program.runProcess(["serve", "--port", "0", "--hooks", "x"])
      assert.deepStrictEqual(
        [status, errors],
        [2, "a-chat: --hooks needs --web, to which the senders of webhooks connect\n"]
      )
    })
  )
})
