// The files of an installed a-chat, below a directory that stands for `/`. Imported by main.mjs.
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import * as Man from "./man.mjs"

const project = fileURLToPath(new URL("../..", import.meta.url))

export const manifest = JSON.parse(readFileSync(join(project, "package.json"), "utf8"))

/** What the program needs of dist/; the rest is the library. */
const program = [
  "main.js",
  "program.cjs",
  "program.cjs.LICENSE.txt",
  "store-thread.cjs",
  "hash-thread.cjs",
  "pg.cjs",
  "nats.cjs",
  "page",
  "web"
]

const documents = ["README.md", "PROTOCOL.md", "HTTP.md", "test/protocol/client.py", "OPERATING.md", "SECURITY.md"]

/**
 * Shells find a completion by the name of its file. The one for zsh must have the name of the function in it, or the
 * first completion in a shell would offer nothing.
 */
const completions = {
  bash: "usr/share/bash-completion/completions/a-chat",
  fish: "usr/share/fish/vendor_completions.d/a-chat.fish",
  zsh: "usr/share/zsh/vendor-completions/_a-chat_zsh_completions"
}

/**
 * Installs the built program.
 *
 * @param root the directory that stands for `/`
 * @param date of the manual pages, as YYYY-MM-DD
 */
export const install = (root, date) => {
  const main = join(project, "dist/main.js")
  if (!existsSync(main)) throw new Error("there is no dist/main.js: run `npm run build` first")
  const write = (path, bytes) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), bytes)
  }
  const compressed = (path, bytes) => write(`${path}.gz`, gzipSync(bytes, { level: 9 }))
  const copy = (from, to) => {
    mkdirSync(dirname(join(root, to)), { recursive: true })
    cpSync(join(project, from), join(root, to), { recursive: true })
  }

  for (const name of program) copy(`dist/${name}`, `usr/lib/a-chat/${name}`)
  chmodSync(join(root, "usr/lib/a-chat/main.js"), 0o755)
  copy("scripts/code-cache.mjs", "usr/lib/a-chat/code-cache.mjs")
  mkdirSync(join(root, "usr/bin"), { recursive: true })
  symlinkSync("../lib/a-chat/main.js", join(root, "usr/bin/a-chat"))

  const manual = join(root, "usr/share/man/man1")
  Man.write({ date, directory: manual, program: main, version: manifest.version })
  const shells = Object.keys(completions)
  const scripts = Man.texts(
    main,
    shells.map((shell) => ["--completions", shell])
  )
  for (const [at, shell] of shells.entries()) write(completions[shell], scripts[at])
  for (const unit of ["a-chat.socket", "a-chat.service"]) {
    copy(`scripts/packaging/systemd/${unit}`, `usr/lib/systemd/system/${unit}`)
  }
  write("etc/a-chat.toml", settings)
  for (const name of documents) copy(name, `usr/share/doc/a-chat/${name}`)
  compressed("usr/share/doc/a-chat/changelog", readFileSync(join(project, "CHANGELOG.md")))
  write("usr/share/doc/a-chat/copyright", readFileSync(join(project, "LICENSE")))
}

const settings = `# Settings of the a-chat service: the flags of \`a-chat serve\`, one per line, without the dashes.
# \`man a-chat-serve\` lists them; \`a-chat config --check --config /etc/a-chat.toml\` checks this file;
# \`systemctl reload a-chat\` applies it. Where the service listens is set in a-chat.socket.
#
# max-line = "4KiB"
# rate = 100
`
