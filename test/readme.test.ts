import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import { transform } from "esbuild"
import { execFile, spawnSync } from "node:child_process"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { defaults } from "../src/chat/Options.js"
import * as Certificates from "./support/Certificates.js"

const root = fileURLToPath(new URL("..", import.meta.url))

const readme = await readFile(join(root, "README.md"), "utf8")

const examples = [...readme.matchAll(/```ts\n([^]*?)```/g)].map(([, code]) => code ?? "")

/** What stands in the text between backticks, and begins so. */
const quoted = (start: string) => readme.slice(readme.indexOf(`\`${start}`) + 1).split("`")[0] ?? ""

/** The units of systemd, by their names. */
const units = [...readme.matchAll(/```ini\n# \/etc\/systemd\/system\/(\S+)\n([^]*?)```/g)].map(
  ([, name = "", unit = ""]) => [name, unit] as const
)

/** Runs an example as a user would: against the built package, under its name. */
const run = async (example: string) => {
  const folder = await mkdtemp(join(root, "test", "readme-"))
  try {
    const file = join(folder, "example.mjs")
    await writeFile(file, (await transform(example, { loader: "ts" })).code)
    const { stdout } = await promisify(execFile)(process.execPath, [file])
    return { log: stdout, result: JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as unknown }
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** What systemd says of units, where the program is the built one; nothing if all is well. */
const verify = async (all: typeof units) => {
  const folder = await mkdtemp(join(tmpdir(), "achat-"))
  try {
    const files = all.map(([name]) => join(folder, name))
    for (const [name, unit] of all) {
      await writeFile(join(folder, name), unit.replaceAll("/usr/bin/a-chat", join(root, "dist/main.js")))
    }
    const { output } = spawnSync("systemd-analyze", ["verify", "--man=no", ...files], { encoding: "utf8" })
    return output.join("")
  } finally {
    await rm(folder, { recursive: true })
  }
}

const hasSystemd = spawnSync("systemd-analyze", ["--version"]).status === 0

describe("README", () => {
  it("has two examples", () => assert.lengthOf(examples, 2))

  it("shows a server and its clients over TCP", async () => {
    const { result } = await run(examples[0] ?? "")
    assert.deepInclude(result, {
      first: { _id: "Option", _tag: "Some", value: { _tag: "Message", from: "alice", text: "hi" } }
    })
    assert.include(JSON.stringify(result), '{"_tag":"Written","names":["bob"]}')
    assert.include(JSON.stringify(result), '{"_tag":"Returned","names":["carol"],"reason":"offline"')
  })

  it("says what changes in it over TLS", async () => {
    const [cert, key, ca] = ["server", "server.key", "ca"].map(Certificates.path)
    const files = `const [cert, key, ca] = ${JSON.stringify([cert, key, ca])}\n`
    const { log, result } = await run(
      files +
        (examples[0] ?? "")
          .replace('Tcp.listen("127.0.0.1", 0)', quoted("Tls.listen("))
          .replace("Tcp.connect(server.address)", quoted("Tls.connect("))
          .replace("Tcp }", "Tls }")
    )
    assert.include(JSON.stringify(result), '{"_tag":"Written","names":["bob"]}')
    assert.include(log, "tls://127.0.0.1:")
  })

  it("shows a chat without sockets", async () => {
    const { result } = await run(examples[1] ?? "")
    assert.include(JSON.stringify(result), '"text":"anybody here?"')
    assert.include(JSON.stringify(result), '"code":"undelivered"')
  })

  it("has a socket unit and a service unit", () => {
    assert.deepStrictEqual(
      units.map(([name]) => name),
      ["a-chat.socket", "a-chat.service"]
    )
  })

  it.skipIf(!hasSystemd)("has units that systemd finds nothing wrong with, and it would", async () => {
    assert.strictEqual(await verify(units), "")
    const misspelt = units.map(([name, unit]) => [name, unit.replace("LimitNOFILE", "LimitNoFile")] as const)
    assert.match(await verify(misspelt), /a-chat\.service:\d+: Unknown key/)
  })

  it("gives the server more time to stop than its drain takes", () => {
    const [, seconds] = /^TimeoutStopSec=(\d+)$/mu.exec(readme) ?? []
    assert.isAbove(Number(seconds), Duration.toSeconds(defaults.grace) + 1) // and its last words
  })
})
