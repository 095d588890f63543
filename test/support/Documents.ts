import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** The documents at the root of the repository, as the tests in test/documents/ read them. */

export const root = fileURLToPath(new URL("../..", import.meta.url))

export const names = readdirSync(root).filter((name) => name.endsWith(".md"))

export const text = (name: string) => readFileSync(`${root}/${name}`, "utf8")

/** The text of each file below src/. */
export const sources = (): ReadonlyArray<string> =>
  readdirSync(`${root}/src`, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => text(`src/${name}`))

/** The contents of the fenced blocks in a language. */
export const blocks = (document: string, language: string): ReadonlyArray<string> =>
  [...document.matchAll(/^```(\w*)\n([^]*?)^```$/gmu)].flatMap(([, found, content]) =>
    found === language && content !== undefined ? [content] : []
  )

/** A document without its fenced blocks. */
export const prose = (document: string) => document.replaceAll(/^```[^]*?^```$/gmu, "")

/** Every code span of the prose; a span may continue on the next line. */
export const spans = (document: string): ReadonlyArray<string> =>
  [...prose(document).matchAll(/`([^`]+)`/gu)].map(([, span = ""]) => span.replaceAll(/\s+/gu, " "))

/** The section below a heading, down to the next heading. */
export const section = (document: string, heading: string) => {
  const [, found] = document.split(new RegExp(`^#+ ${heading}$`, "mu"))
  if (found === undefined) throw new Error(`there is no section ${heading}`)
  return found.split(/^#+ /mu)[0] ?? ""
}

/** The rows of the first table in a text, cell by cell, without its head. */
export const rows = (text: string): ReadonlyArray<ReadonlyArray<string>> => {
  const [table = ""] = /(?:^\|.*\n?)+/mu.exec(text) ?? []
  const lines = table.trim().split("\n").slice(2)
  return lines.map((line) =>
    line
      .replaceAll(/^\||\|$/gu, "")
      .split("|")
      .map((cell) => cell.trim())
  )
}
