import { assert, describe, it } from "@effect/vitest"
import { transform } from "esbuild"
import { execFile } from "node:child_process"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import * as Certificates from "./support/Certificates.js"

const root = fileURLToPath(new URL("..", import.meta.url))

const readme = await readFile(join(root, "README.md"), "utf8")

const examples = [...readme.matchAll(/```ts\n([^]*?)```/g)].map(([, code]) => code ?? "")

/** What stands in the text between backticks, and begins so. */
const quoted = (start: string) => readme.slice(readme.indexOf(`\`${start}`) + 1).split("`")[0] ?? ""

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
})
