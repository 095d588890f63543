// Checks that no line of the sources has more than 120 columns, and no file more than 400 lines:
// `node scripts/check-lines.mjs`. The formatter breaks code, but neither text nor comments. Prints every violation and
// exits with 1, or prints nothing.
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const maxColumns = 120
const maxLines = 400

/** A regular expression cannot be broken. */
const pattern = /^\s*\/.+\/[a-z]*,?$/u

/** Folders whose files are lists: their entries are read one at a time. */
const lists = ["scripts/mutants/", "scripts/conformance/promises/"]

/** Longer files, how long each may be, and why it is one file. */
const longer = new Map([
  ["src/client/Sending.ts", [430, "one line's way from the input to its outcome; what has a state of its own is out"]],
  ["src/cluster/Membership.ts", [440, "the states of one lease; burials, leases and heartbeats are out"]],
  ["src/conversations/Feed.ts", [500, "every client has one: a second object would cost memory for each"]],
  ["src/admin/page/page.js", [430, "served as it is: the only script of its page"]],
  ["src/web/style.css", [1200, "served as it is: the only style sheet of its page"]],
  ["scripts/bench/loads.mjs", [570, "a list of loads, which are read one at a time"]],
  ["scripts/kills/rooms.mjs", [500, "one run, from its clients to its checks"]]
])

const root = fileURLToPath(new URL("..", import.meta.url))
const fail = (text) => {
  console.error(text)
  process.exitCode = 1
}

for (const folder of ["src", "test", "scripts"]) {
  for (const entry of readdirSync(join(root, folder), { recursive: true })) {
    if (!/\.(tsx?|m?[jt]s|css)$/.test(entry) || entry.endsWith(".wasm.ts")) continue
    const file = `${folder}/${entry.replaceAll("\\", "/")}`
    const lines = readFileSync(join(root, file), "utf8").split("\n")
    for (const [index, line] of lines.entries()) {
      const columns = [...line].length
      if (columns > maxColumns && !pattern.test(line)) fail(`${file}:${index + 1} has ${columns} columns`)
    }
    const length = lines.length - 1
    const [most] = longer.get(file) ?? [maxLines]
    if (length > most && !lists.some((list) => file.startsWith(list))) {
      fail(
        `${file} has ${length} lines, and not at most ${most}: does a part of it have a name and a state of its own?`
      )
    }
    if (length <= maxLines && longer.has(file)) fail(`${file} has ${length} lines: it is no exception any more`)
  }
}
for (const file of longer.keys()) if (!existsSync(join(root, file))) fail(`there is no ${file}`)
