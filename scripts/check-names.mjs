// Checks that a search for an exported name of src/ finds one thing: `node scripts/check-names.mjs [root]` (root: the
// folder that contains src/ and test/, by default the project). Prints every violation and exits with 1, or prints
// nothing but, with `--count`, how many names are exported by several modules.
//
// 1. No two modules have the same file name, and no two export a type or a class of the same name.
// 2. Functions and values are short, because a namespace stands before them: `Name.parse`, `Tcp.listen`. One whose name
//    several modules export is therefore imported with its namespace, unless the name is a conventional one.
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { basename, dirname, join, relative, resolve } from "node:path"
import { fileURLToPath } from "node:url"

/** Names with the same meaning in every module. */
const conventional = new Set(["command", "defaults", "layer", "make", "run", "settings"])

/** Modules whose exports are a small language, and are read like one: `yield* rows(…)`. */
const languages = new Set(["store/SqlQuery"])

const root = resolve(
  process.argv.slice(2).find((argument) => !argument.startsWith("--")) ?? fileURLToPath(new URL("..", import.meta.url))
)
const source = join(root, "src")
const pathOf = (file) =>
  relative(source, file)
    .replaceAll("\\", "/")
    .replace(/\.(tsx?|js)$/, "")

const filesOf = (folder) =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true })
        .filter((name) => /\.tsx?$/.test(name) && !name.endsWith(".d.ts"))
        .map((name) => join(folder, name))
    : []

const declaration =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:const|let|function\*?|class|type|interface|enum|namespace) (\w+)/gm
const namedImport = /^import (?:type )?\{([^}]*)\} from "(\.[^"]+)"/gm

/** name -> the modules that export it */
const exported = new Map()
/** file name -> the modules of this name */
const modules = new Map()
const push = (map, key, value) => map.set(key, [...(map.get(key) ?? []), value])

for (const file of filesOf(source)) {
  const path = pathOf(file)
  push(modules, basename(path), path)
  // A schema and its type are one name.
  const names = new Set([...readFileSync(file, "utf8").matchAll(declaration)].map(([, name]) => name))
  for (const name of names) push(exported, name, path)
}

const faults = []
for (const [name, paths] of modules)
  if (paths.length > 1) faults.push(`several modules are called ${name}: ${paths.join(", ")}`)
const repeated = new Map([...exported].filter(([, paths]) => paths.length > 1))
for (const [name, paths] of repeated)
  if (/^[A-Z]/.test(name)) faults.push(`several modules export a type ${name}: ${paths.join(", ")}`)

for (const file of [...filesOf(source), ...filesOf(join(root, "test"))]) {
  for (const [, names, specifier] of readFileSync(file, "utf8").matchAll(namedImport)) {
    const from = pathOf(resolve(dirname(file), specifier))
    if (languages.has(from)) continue
    for (const part of names.split(",")) {
      const [name] = part.trim().split(" as ")
      if (!/^[a-z]/.test(name) || conventional.has(name) || !repeated.get(name)?.includes(from)) continue
      const others = repeated.get(name).filter((path) => path !== from)
      faults.push(
        `${relative(root, file)} imports ${name} of ${from}, which is also a name in ${others.join(", ")}: import ` +
          `the namespace`
      )
    }
  }
}

if (process.argv.includes("--count")) {
  const types = [...repeated.keys()].filter((name) => /^[A-Z]/.test(name)).length
  console.log(
    `${exported.size} names are exported, ${repeated.size} of them by several modules, ${types} of these are types`
  )
}
for (const fault of faults) console.error(fault)
process.exitCode = faults.length > 0 ? 1 : 0
