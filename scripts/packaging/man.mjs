// Manual pages, made from the help texts. Imported by main.mjs.
import { execFileSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/**
 * Text as roff: no escapes, no requests, and a `-` that can be copied and searched for. ASCII, because groff takes
 * other characters for Latin-1.
 */
const roff = (text) =>
  text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll(/^([.'])/gmu, "\\&$1")
    .replaceAll(/`([^`]*)`/gu, "\\fB$1\\fR")
    .replaceAll(
      beyondAscii,
      (character) => `\\[u${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]`
    )

/** `synopsis` has a use of its own for the no-break space. */
const beyondAscii = /[\u0080-\u009f\u00a1-\u{10ffff}]/gu

const bold = (text) => `.B ${roff(text).replaceAll('"', "\\(dq")}`

/**
 * The sections of a help text, in order: the name of each, and its blocks. A block is lines without an empty line
 * between them.
 */
const parse = (help) => {
  const sections = []
  for (const block of help.trim().split(/\n\s*\n/u)) {
    if (/^[A-Z][A-Z ]+$/u.test(block)) sections.push({ name: block, blocks: [] })
    else sections.at(-1)?.blocks.push(block)
  }
  return sections
}

/** Flags of every command, which are described in a-chat(1) only. */
const common = /^(?:--completions|--log-level|\(-h, --help\)|--wizard|--version)/u

const isText = (block) => block.startsWith("  ")

/** Pairs each term (a flag, an argument) with the indented blocks that follow it. */
const terms = (blocks) => {
  const found = []
  for (const block of blocks) {
    if (!isText(block)) found.push({ term: block, texts: [] })
    else found.at(-1)?.texts.push(block.trim())
  }
  return found
}

const list = (blocks) =>
  terms(blocks).flatMap(({ term, texts }) => [
    ".TP",
    bold(term.replace(/^\((.*)\)$/u, "$1")),
    ...texts.flatMap((text, at) => (at === 0 ? [roff(text)] : [".IP", roff(text)]))
  ])

/** Rows such as `  0  Everything was delivered.` and `  - serve    Runs a server.` */
const rows = (blocks) =>
  blocks.flatMap((block) => {
    const [, key = "", text = ""] = /^ *(?:- )?(.+?) {2,}(.*)$/su.exec(block) ?? []
    return [".TP", bold(key), roff(text)]
  })

const examples = (blocks) =>
  blocks.flatMap((block) =>
    block.startsWith("    ")
      ? [".PP", ".RS 4", ".EX", roff(block.replaceAll(/^ {4}/gmu, "")), ".EE", ".RE"]
      : [".PP", roff(block)]
  )

const paragraphs = (blocks) => blocks.flatMap((block) => [".PP", roff(block)])

/** A heading starts a paragraph itself. */
const section = (name, lines) => [`.SH ${name}`, ...(lines[0] === ".PP" ? lines.slice(1) : lines)]

const render = { OPTIONS: list, ARGUMENTS: list, "EXIT STATUS": rows, COMMANDS: rows, EXAMPLES: examples }

/** The command, and its arguments beside it. No argument is broken between two lines. */
const synopsis = (usage) => {
  const [, command = "", rest = ""] = /^(?:\$ )?(a-chat \S+) ?(.*)$/u.exec(usage) ?? []
  const whole = rest.replaceAll(/\[[^\]]*\]/gu, (argument) => argument.replaceAll(" ", "\u00a0"))
  return [".SH SYNOPSIS", `.SY "${roff(command)}"`, roff(whole).replaceAll("\u00a0", "\\ "), ".YS"]
}

/** @param command undefined for the page of the program */
const page = ({ command, date, help, others, version }) => {
  const sections = parse(help)
  const blocksOf = (name) => sections.find((section) => section.name === name)?.blocks ?? []
  const [summary = "", ...details] = blocksOf("DESCRIPTION")
  const name = command === undefined ? "a-chat" : `a-chat-${command}`
  const body = sections.flatMap(({ blocks, name: title }) => {
    if (title === "USAGE") return []
    if (title === "DESCRIPTION") return section(title, paragraphs(details.length > 0 ? details : [summary]))
    const lines = (render[title] ?? paragraphs)(command === undefined ? blocks : withoutCommon(blocks))
    const more = command !== undefined && title === "OPTIONS" ? seeProgram : []
    return section(title, [...lines, ...more])
  })
  return [
    `.TH ${name.toUpperCase()} 1 "${date}" "a-chat ${version}" "User Commands"`,
    ".nr HY 0", // a flag or a name broken by a hyphen could not be copied; groff restores this at each heading
    ".nh",
    ".ad l",
    ".SH NAME",
    `${roff(name)} \\- ${roff(uncapitalised(summary))}`,
    ...synopsis(command === undefined ? "a-chat COMMAND [OPTION]..." : (blocksOf("USAGE")[0] ?? "")),
    ...body,
    ...(command === undefined ? files : []),
    ".SH SEE ALSO",
    others
      .filter((other) => other !== name)
      .map((other) => `.BR ${roff(other)} (1)`)
      .join(",\n"),
    ""
  ].join("\n")
}

const seeProgram = [".PP", "The options that every command has are in", ".BR a\\-chat (1)."]

const withoutCommon = (blocks) => {
  const first = blocks.findIndex((block) => common.test(block))
  return first < 0 ? blocks : blocks.slice(0, first)
}

const uncapitalised = (sentence) =>
  sentence.replace(/\.$/u, "").replace(/^[A-Z](?=[a-z]| )/u, (first) => first.toLowerCase())

const files = [
  ".SH ENVIRONMENT",
  ".TP",
  ".B ACHAT_*",
  roff("Each flag of a command can be set by a variable, which its description names. A flag overrides its variable."),
  ".SH FILES",
  ".TP",
  ".I /etc/a\\-chat.toml",
  roff('The settings of the service: the flags of `a-chat serve`, one per line, such as `max-line = "4KiB"`.'),
  ".TP",
  ".I $XDG_STATE_HOME/a\\-chat/history",
  roff("The input history of `a-chat connect`, readable by its user only.")
]

/** What the program, a path, prints for each of these command lines. */
export const texts = (program, commands) => {
  const script = fileURLToPath(new URL("texts.mjs", import.meta.url))
  const env = { PATH: process.env.PATH, NO_COLOR: "1" }
  const json = execFileSync(process.execPath, [script, program, JSON.stringify(commands)], { encoding: "utf8", env })
  return JSON.parse(json)
}

/** Writes a page for the program and for each of its commands. Returns the names of the files. */
export const write = ({ date, directory, program, version }) => {
  const [overview] = texts(program, [["--help"]])
  const commands = (parse(overview).find(({ name }) => name === "COMMANDS")?.blocks ?? []).map(
    (row) => /^ *- (\S+)/u.exec(row)?.[1] ?? ""
  )
  const others = ["a-chat", ...commands.map((command) => `a-chat-${command}`)]
  const details = texts(
    program,
    commands.map((command) => [command, "--help"])
  )
  mkdirSync(directory, { recursive: true })
  return [undefined, ...commands].map((command, at) => {
    const text = page({ command, date, others, version, help: [overview, ...details][at] })
    const file = join(directory, `a-chat${command === undefined ? "" : `-${command}`}.1`)
    writeFileSync(file, text)
    return file
  })
}
