import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFile, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { gunzipSync } from "node:zlib"
import * as EmptyRoot from "../../scripts/packaging/empty-root.mjs"
import { manualPages } from "../../src/cli/help/ManualText.js"
import * as Documents from "../support/Documents.js"
import * as Program from "../support/Program.js"

const folder = mkdtempSync(join(tmpdir(), "a-chat-packages-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const run = promisify(execFile)

const packaging = (...args: ReadonlyArray<string>) =>
  run(process.execPath, [join(Documents.root, "scripts/packaging/main.mjs"), ...args], {
    env: { ...process.env, SOURCE_DATE_EPOCH: "1700000000" }
  })

const has = (program: string) => spawnSync("sh", ["-c", 'command -v "$0"', program]).status === 0

const commands = Object.keys(manualPages)

describe("The installed files", () => {
  const root = join(folder, "root")
  const manual = join(root, "usr/share/man/man1")
  beforeAll(() => packaging("root", root))

  it("have all of dist/ but the library and what each version of Node makes for itself", () => {
    const built = readdirSync(join(Documents.root, "dist"))
    const other = ["library", "package.json", "serve.cache", "store.cache", "program.cache"]
    const wanted = built.filter((name) => !name.startsWith(".") && !other.includes(name))
    const installed = readdirSync(join(root, "usr/lib/a-chat"))
    assert.includeMembers(installed, wanted)
    for (const name of ["index.html", "sw.js", "manifest.webmanifest"]) {
      assert.include(readdirSync(join(root, "usr/lib/a-chat/web")), name)
    }
  })

  it("have a manual page for the program and for each command", () => {
    const expected = ["a-chat.1", ...commands.map((command) => `a-chat-${command}.1`)]
    assert.sameMembers(readdirSync(manual), expected)
  })

  it.skipIf(!has("man") || !has("groff"))(
    "show every flag in the manual page of its command, and warn of nothing",
    async () => {
      for (const command of commands) {
        const file = join(manual, `a-chat-${command}.1`)
        const env = { ...process.env, MANWIDTH: "78", LC_ALL: "C.UTF-8" }
        // `man` tells groff the encoding, but other programs do not.
        assert.match(readFileSync(file, "latin1"), /^[\n\x20-\x7e]*$/u, command)
        const { stderr, stdout } = await run("man", ["--warnings", "--local-file", file], { env })
        assert.strictEqual(stderr, "", command)
        const shown = stdout.replaceAll(/.[\b]/gu, "") // overstruck for bold
        const help = (await Effect.runPromise(Program.run([command, "--help"]))).output
        const flags = [...help.matchAll(/^--[\w-]+(?= |$)/gmu)].map(([flag]) => flag)
        const common = ["--completions", "--log-level", "--wizard", "--version"]
        for (const flag of flags.filter((flag) => !common.includes(flag))) {
          assert.match(shown, new RegExp(`^ {7}${flag}\\b`, "mu"), command)
        }
        assert.include(
          shown,
          manualPages[command as keyof typeof manualPages].examples[0]?.[1].split("\n")[0] ?? "",
          command
        )
      }
    }
  )

  it("complete the flags of a command in bash", async () => {
    const file = join(root, "usr/share/bash-completion/completions/a-chat")
    const script = `source "$0"; COMP_WORDS=(a-chat connect --po); COMP_CWORD=2
      $(complete -p a-chat | sed 's/.*-F \\([^ ]*\\).*/\\1/') a-chat; echo "\${COMPREPLY[@]}"`
    assert.strictEqual((await run("bash", ["--norc", "-c", script, file])).stdout, "--port\n")
  })

  it.each([
    ["zsh", "usr/share/zsh/vendor-completions/_a-chat_zsh_completions"],
    ["fish", "usr/share/fish/vendor_completions.d/a-chat.fish"]
  ])("have completions that %s can read", async (shell, file) => {
    const text = readFileSync(join(root, file), "utf8")
    assert.include(text, "max-recipients")
    if (has(shell)) assert.strictEqual((await run(shell, ["-n", join(root, file)])).stderr, "")
  })
})

const buildDeb = async (name: string) => (await packaging("deb", join(folder, name))).stdout.trim()

describe.skipIf(!has("dpkg-deb"))("The package for Debian", () => {
  let built = ""
  beforeAll(async () => {
    built = await buildDeb("one")
  })

  it("is the same for the same sources", async () => {
    assert.isTrue(readFileSync(built).equals(readFileSync(await buildDeb("other"))))
  })

  it.skipIf(!has("dpkg") || !EmptyRoot.isPossible)(
    "installs into an empty system, runs there, and leaves nothing behind",
    async () => {
      const system = join(folder, "system")
      EmptyRoot.make(system, ["cat", "rm"])
      const database = join(system, "var/lib/dpkg")
      for (const part of ["info", "updates", "triggers"]) mkdirSync(join(database, part), { recursive: true })
      const node =
        `Package: nodejs\nStatus: install ok installed\nMaintainer: -\nArchitecture: all\nVersion: ` +
        `${process.versions.node}\nDescription: -\n`
      writeFileSync(join(database, "status"), node)
      const dpkg = (...args: ReadonlyArray<string>) => {
        const [file = "", ...rest] = ["dpkg", "--force-not-root", "--log=/dev/null", `--root=${system}`, ...args]
        return run("unshare", [...(process.getuid?.() === 0 ? [] : ["--map-root-user"]), file, ...rest], {
          env: EmptyRoot.outside
        })
      }
      const inside = (...command: ReadonlyArray<string>) => {
        const [file = "", ...args] = EmptyRoot.inside(system, command)
        return { file, args }
      }
      const say = async (...command: ReadonlyArray<string>) => {
        const { args, file } = inside("a-chat", ...command)
        return (await run(file, args, { env: EmptyRoot.outside })).stdout
      }

      await dpkg("--install", built)
      assert.includeMembers(readdirSync(join(system, "usr/lib/a-chat")), [
        "program.cache",
        "serve.cache",
        "store.cache"
      ])
      assert.match(await say("--version"), /^\d+\.\d+\.\d+\n$/u)
      assert.strictEqual(await say("config", "--check", "--config", "/etc/a-chat.toml"), "")
      const changes = gunzipSync(readFileSync(join(system, "usr/share/doc/a-chat/changelog.gz")))
      assert.isTrue(changes.equals(readFileSync(join(Documents.root, "CHANGELOG.md"))))

      const { args, file } = inside("a-chat", "serve", "--unix", "/tmp/chat.sock", "--config", "/etc/a-chat.toml")
      const server = spawn(file, args, { env: EmptyRoot.outside, stdio: ["ignore", "ignore", "pipe"] })
      try {
        for await (const line of server.stderr) if (String(line).includes("listening")) break
        const words = ["--unix", "/tmp/chat.sock"]
        assert.include(await say("ping", "--count", "1", ...words), "1 sent, 1 answered")
      } finally {
        const ended = once(server, "exit")
        server.kill("SIGTERM")
        assert.deepStrictEqual(await ended, [0, null])
      }

      await dpkg("--purge", "a-chat")
      const left = readdirSync(system, { recursive: true, encoding: "utf8" }).filter((path) => path.includes("a-chat"))
      assert.deepStrictEqual(left, [])
    },
    60_000
  )
})
