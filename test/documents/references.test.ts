import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import * as Documents from "../support/Documents.js"
import * as Program from "../support/Program.js"

const { names, root } = Documents

const file = (path: string) => readFileSync(join(root, path), "utf8")

const { scripts } = JSON.parse(file("package.json")) as { readonly scripts: Record<string, string> }

/** The flags that a help text or a script's comment shows. */
const flagsIn = (text: string): ReadonlyArray<string> => [...text.matchAll(/--[a-z][a-z-]*/gu)].map(([flag]) => flag)

const help = async (...command: ReadonlyArray<string>) =>
  (await Effect.runPromise(Program.run([...command, "--help"]))).output

const overview = await help()

const commands = [...overview.matchAll(/^ {2}- (\w+)/gmu)].map(([, name = ""]) => name)

/** The flags of each command, and of the program under the empty name. */
const flagsOf = new Map([["", flagsIn(overview)]])
for (const name of commands) flagsOf.set(name, flagsIn(await help(name)))

/** The flags that a script of package.json takes: those that the comment at its top lists, or a help text. */
const scriptFlags = (name: string) => {
  const [, path = ""] = /node (scripts\/\S+)$/u.exec(scripts[name] ?? "") ?? []
  return name === "start" ? (flagsOf.get("serve") ?? []) : path === "" ? [] : flagsIn(file(path))
}

const ownScripts = Object.keys(scripts).flatMap(scriptFlags)

const allFlags = [...flagsOf.values()].flat().concat(ownScripts)

/** The first flag that a command does not have. */
const unknownFlag = (given: ReadonlyArray<string>, known: ReadonlyArray<string>) =>
  flagsIn(given.join(" ")).find((flag) => !known.includes(flag))

/** What is wrong with one simple command of a shell; undefined if nothing is. */
const mistakeIn = (command: string): string | undefined => {
  const words = command.trim().split(/\s+/u)
  if (words[0] === "a-chat" || (words[0] === "node" && words[1] === "dist/main.js")) {
    const [own = "", ...args] = words.slice(words[0] === "a-chat" ? 1 : 2)
    if (own.startsWith("-")) return unknownFlag([own, ...args], flagsOf.get("") ?? [])
    if (own === "COMMAND") return unknownFlag(args, allFlags)
    const known = flagsOf.get(own)
    if (known === undefined) return `no command ${own}`
    const end = args.indexOf("--") // of exec's own flags
    return unknownFlag(end < 0 ? args : args.slice(0, end), known)
  }
  if (words[0] === "npm" && ["run", "start", "test"].includes(words[1] ?? "")) {
    const [name = "", ...args] = words.slice(words[1] === "run" ? 2 : 1).filter((word) => word !== "--silent")
    if (scripts[name] === undefined) return `no script ${name}`
    return unknownFlag(args, scriptFlags(name))
  }
  const [path] = words.filter((word) => /^(?:\.ci|scripts|test|dist)\//u.test(word))
  return path === undefined || existsSync(join(root, path)) ? undefined : `no file ${path}`
}

/** The simple commands in lines of shell, without comments and quoted text. */
const simpleCommands = (script: string): ReadonlyArray<string> =>
  script
    .replaceAll(/'[^']*'|"(?!node)[^"]*"/gu, "TEXT")
    .replaceAll(/(?:^|\s)#.*$/gmu, "")
    .split(/\n|;|\|+|&&/u)
    .map((command) => command.trim())
    .filter((command) => command !== "")

const mistakes = (scripts: ReadonlyArray<string>) =>
  scripts.flatMap(simpleCommands).flatMap((command) => {
    const mistake = mistakeIn(command)
    return mistake === undefined ? [] : [`${command}: ${mistake}`]
  })

/** The anchors of a document's headings, as GitHub makes them. */
const anchors = (document: string) =>
  [...Documents.prose(document).matchAll(/^#+ (.*)$/gmu)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-")
  )

describe("The documents", () => {
  it("are those that a newcomer expects", () => {
    assert.includeMembers(
      names.slice(),
      ["README", "OPERATING", "PROTOCOL", "BENCHMARKS", "CONTRIBUTING", "CHANGELOG", "SECURITY"].map((n) => `${n}.md`)
    )
  })

  it("keep the README short", () => assert.isAtMost(Documents.text("README.md").split("\n").length, 201))

  it("notices a command, a flag, a script and a file that do not exist", () => {
    for (const wrong of ["a-chat sing", "a-chat send bob --max-line 1", "npm run dance", "npm run bench -- --slowly"])
      assert.lengthOf(mistakes([wrong]), 1, wrong)
    assert.lengthOf(mistakes(["seq 3 | node dist/main.js send bob --wrong && node scripts/none.mjs"]), 2)
  })

  for (const name of names) {
    const document = Documents.text(name)

    it(`${name} shows commands, flags and scripts that exist`, () => {
      const typed = Documents.blocks(document, "console").flatMap((block) =>
        [...block.matchAll(/^\$ (.*?)(?: {2,}\$ .*)?$/gmu)].map(([, line = ""]) => line)
      )
      const named = Documents.spans(document).filter((span) => /^(?:a-chat|npm|npx|node) /u.test(span))
      assert.deepStrictEqual(mistakes([...Documents.blocks(document, "sh"), ...typed, ...named]), [])
      const flags = Documents.spans(document).filter((span) => /^--[a-z]/u.test(span))
      assert.deepStrictEqual(
        flags.filter((flag) => !allFlags.includes(flag.split(/[ =[]/u)[0] ?? "")),
        []
      )
    })

    it(`${name} links to files and headings that exist`, () => {
      for (const [, target = ""] of Documents.prose(document).matchAll(/\]\(([^)]+)\)/gu)) {
        if (/^https?:/u.test(target)) continue
        const [path = "", anchor] = target.split("#")
        assert.isTrue(path === "" || existsSync(join(root, path)), target)
        if (anchor !== undefined) assert.include(anchors(path === "" ? document : Documents.text(path)), anchor)
      }
    })

    it(`${name} has no marks of a merge`, () => assert.notMatch(document, /^(?:<{7}|={7}|>{7})/mu))

    it(`${name} names files and folders that exist`, () => {
      for (const line of Documents.prose(document).split("\n")) {
        let folder = ""
        for (const [, span = ""] of line.matchAll(/`([^`]+)`/gu)) {
          const path = /^(?:src|scripts|test|\.ci)\/[\w./-]*$/u.test(span)
            ? span
            : /^\w+\.(?:ts|wat|mjs)$/u.test(span) && folder !== ""
              ? join(folder, span)
              : undefined
          if (path === undefined) continue
          assert.isTrue(existsSync(join(root, path)), `${path} in: ${line}`)
          folder = dirname(path)
        }
      }
    })
  }

  it("name test files that exist", () => {
    const tests = readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
    for (const name of names) {
      const named = Documents.spans(Documents.text(name)).filter((span) => /^[\w/-]+\.test\.ts$/u.test(span))
      const missing = named.filter((span) => !tests.some((path) => `/test/${path}`.endsWith(`/${span}`)))
      assert.deepStrictEqual(missing, [], name)
    }
  })

  it("in other folders name files that exist", () => {
    for (const [path, extension] of [
      ["src/chat/README.md", ""],
      ["test/simulation/README.md", ".ts"] // its modules are named without
    ] as const) {
      const folder = dirname(path)
      const below = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      const spans = Documents.spans(file(path)).filter((span) => /^\w[\w./-]*$/u.test(span))
      const named = spans.flatMap((span) =>
        span.includes("/") || /\.(?:ts|mjs)$/u.test(span)
          ? [span]
          : extension !== "" && /^[A-Z][a-z]+[A-Za-z]*$/u.test(span)
            ? [`${span}${extension}`]
            : []
      )
      assert.isAtLeast(named.length, 10)
      const isThere = (name: string) =>
        existsSync(join(root, name)) ||
        existsSync(join(root, folder, name)) ||
        below.some((one) => one.endsWith(`/${name}`))
      assert.deepStrictEqual(
        named.filter((name) => !isThere(name)),
        [],
        path
      )
    }
  })

  it("lead a newcomer into every folder of src/", () => {
    const table = Documents.section(Documents.text("CONTRIBUTING.md"), "Where to start reading")
    const read = Documents.rows(table).flatMap(([, where = ""]) => where.match(/`src\/[\w/]+\//gu) ?? [])
    assert.isAtLeast(read.length, 30)
    const folders = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
      .map((entry) => relative(root, entry.parentPath))
      .filter((folder) => folder !== "src")
    const missing = [...new Set(folders)].filter((folder) => !read.includes(`\`${folder}/`))
    assert.deepStrictEqual(missing, [])
  })

  it("have every folder of src/ on the map, with what it may import", () => {
    const script = file("scripts/check-imports.mjs").replaceAll(/" \+\s+"/gu, "")
    const [, table = ""] = /^const allowed = \{\n([^]*?)^\}$/mu.exec(script) ?? []
    const allowed = [...table.matchAll(/^ {2}"?([\w/]+)"?:\s+"(.*)",?$/gmu)].flatMap(([, key = "", rule = ""]) =>
      existsSync(join(root, "src", key)) || existsSync(join(root, "src", `${key}.ts`)) ? [[key, rule] as const] : []
    )
    assert.isAtLeast(allowed.length, 12)
    const rules = new Map(allowed)
    const shown = Documents.rows(Documents.section(Documents.text("CONTRIBUTING.md"), "Folders")).map(
      ([folder = "", , rule = ""]) =>
        [
          folder.replace(/^`src\/(.*?)(?:\/|\.ts)?`$/u, "$1"),
          rule === "anything" ? "*" : rule === "nothing" ? "" : rule.replaceAll(/[`,]/gu, "")
        ] as const
    )
    // A subfolder with the rule of its folder needs no row.
    const wanted = allowed.filter(([key, rule]) => rules.get(dirname(key)) !== rule)
    assert.deepStrictEqual(shown.toSorted(), wanted.toSorted())
  })
})
