import { assert, describe, it } from "@effect/vitest"
import { execFile, execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import * as Program from "../support/Program.js"

const dist = fileURLToPath(new URL("../../dist/", import.meta.url))

const program = readFileSync(join(dist, "program.cjs"), "utf8")

const cache = (folder: string) => join(folder, "program.cache")

/** The output of the program in a modified copy of dist/. */
const versionAfter = (change: (folder: string) => void): string => {
  const folder = mkdtempSync(join(tmpdir(), "a-chat-launcher-"))
  try {
    Program.copyBuilt(folder)
    change(folder)
    return execFileSync(process.execPath, [join(folder, "main.js"), "--version"], { encoding: "utf8" }).trim()
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const version = (
  JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string }
).version

describe("dist/main.js", () => {
  it.each(["program.cache", "serve.cache", "store.cache"])(
    "has machine code of the program that V8 accepts: %s",
    (file) => {
      // In a new process: V8 also rejects code if a test file before this one has changed its flags.
      const check = `
      const { readFileSync } = require("node:fs")
      const cachedData = readFileSync("${file}").subarray(0, -64)
      const script = new (require("node:vm").Script)(readFileSync("program.cjs", "utf8"),
        { filename: "program.cjs", cachedData })
      console.log(script.cachedDataRejected)`
      assert.strictEqual(execFileSync(process.execPath, ["-e", check], { cwd: dist, encoding: "utf8" }), "false\n")
    }
  )

  it("is ASCII, which the launcher reads faster than UTF-8", () => assert.notMatch(program, /[^\p{ASCII}]/u))

  it("runs without it and with half of it, and ignores that of another program", () => {
    assert.strictEqual(
      versionAfter((folder) => rmSync(cache(folder))),
      version
    )
    assert.strictEqual(
      versionAfter((folder) => writeFileSync(cache(folder), readFileSync(cache(folder)).subarray(0, 300_000))),
      version
    )
    const other = version.replace(/.$/u, "x")
    const changed = program.replaceAll(`"${version}"`, `"${other}"`).replace(/.{64}$/u, "0".repeat(64))
    assert.notStrictEqual(changed.slice(0, -64), program.slice(0, -64))
    assert.strictEqual(
      versionAfter((folder) => writeFileSync(join(folder, "program.cjs"), changed)),
      other
    )
  })
})

/** Runs a server until it listens or ends, with a program in the place of the thread of its store. */
const serveWith = async (thread: string, args: ReadonlyArray<string>, environment: Record<string, string> = {}) => {
  const root = mkdtempSync(join(tmpdir(), "a-chat-thread-"))
  const folder = join(root, "dist")
  try {
    Program.copyBuilt(folder)
    symlinkSync(fileURLToPath(new URL("../../node_modules", import.meta.url)), join(root, "node_modules"))
    renameSync(join(folder, "store-thread.cjs"), join(folder, "thread.cjs"))
    writeFileSync(join(folder, "store-thread.cjs"), thread)
    writeFileSync(join(root, "chat.toml"), `store = "chat.db"`)
    const server = spawn(process.execPath, [join(folder, "main.js"), "serve", "--port", "0", ...args], {
      cwd: root,
      env: { PATH: process.env["PATH"], ...environment }
    })
    let errors = ""
    server.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors += text
      if (text.includes("message=listening")) server.kill()
    })
    const [status] = (await once(server, "close")) as [number | null]
    const starts = join(root, "starts")
    return { status, errors, threads: existsSync(starts) ? readFileSync(starts, "utf8").split("\n").length - 1 : 0 }
  } finally {
    rmSync(root, { recursive: true })
  }
}

describe("The thread of a store", () => {
  const counted = `require("node:fs").appendFileSync("starts", "started\\n"); require("./thread.cjs")`

  it.each([
    ["an argument", ["--store", "chat.db"], {}, 1],
    ["an argument with an equals sign", ["--store=chat.db"], { ACHAT_STORE: "memory" }, 1],
    ["a variable", [], { ACHAT_STORE: "chat.db" }, 1],
    ["a settings file", ["--config", "chat.toml"], {}, 1],
    ["none of them", [], {}, 0],
    ["no file", ["--store", "memory"], { ACHAT_STORE: "chat.db" }, 0]
  ])("starts once if the store is in a file, whoever names it: %s", async (_, args, environment, expected) => {
    const { errors, status, threads } = await serveWith(counted, args, environment)
    assert.strictEqual(status, 0, errors)
    assert.strictEqual(threads, expected)
  })

  it("starts again if the first one has ended before it opened the store", async () => {
    const mortal = `const fs = require("node:fs")
      fs.appendFileSync("starts", "started\\n")
      if (fs.readFileSync("starts", "utf8") === "started\\n") process.exit(3)
      require("./thread.cjs")`
    const { errors, status, threads } = await serveWith(mortal, ["--store", "chat.db"])
    assert.strictEqual(status, 0, errors)
    assert.strictEqual(threads, 2)
  })

  it("has one sentence for the operator if it fails", async () => {
    for (const args of [
      ["--store", "chat.db"],
      ["--config", "chat.toml"]
    ]) {
      const { errors, status } = await serveWith(`throw new Error("no memory")`, args)
      assert.strictEqual(errors, "a-chat: the thread of the store failed: Error: no memory\n")
      assert.strictEqual(status, 2)
    }
  })
})

describe("A build", () => {
  it("never breaks a command that starts meanwhile, and leaves no file of an earlier build", async () => {
    const root = mkdtempSync(join(tmpdir(), "a-chat-build-"))
    const folder = join(root, "dist")
    try {
      Program.copyBuilt(folder)
      writeFileSync(join(root, "package.json"), `{ "type": "module" }`)
      writeFileSync(join(folder, "stale.js"), "")
      const before = statSync(join(folder, "main.js")).ino
      const build = spawn(process.execPath, ["scripts/build.mjs", folder], { stdio: "inherit" })
      const ended = once(build, "exit")
      let starts = 0
      while (build.exitCode === null) {
        const { stdout } = await promisify(execFile)(process.execPath, [join(folder, "main.js"), "--version"])
        assert.strictEqual(stdout.trim(), version)
        starts += 1
      }
      assert.deepStrictEqual(await ended, [0, null])
      assert.isAbove(starts, 2)
      assert.notStrictEqual(statSync(join(folder, "main.js")).ino, before)
      assert.notInclude(readdirSync(folder), "stale.js")
      assert.notInclude(readdirSync(folder).join(), ".build-")
    } finally {
      rmSync(root, { recursive: true })
    }
  })
})
