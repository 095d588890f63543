import { assert, describe, it } from "@effect/vitest"
import * as Documents from "../support/Documents.js"

/** The scripts are plain JavaScript without types. */
const load = (file: string): Promise<unknown> =>
  import(new URL(`../../scripts/${file}`, import.meta.url).href) as Promise<unknown>

const { markers, parts } = (await load("documents.mjs")) as {
  readonly parts: Record<string, { readonly file: string; readonly command: string }>
  readonly markers: (name: string) => readonly [string, string]
}

const { rowOf, tables } = (await load("bench/loads.mjs")) as {
  /** The rows of each table. */
  readonly tables: Record<string, ReadonlyArray<string>>
  readonly rowOf: (
    id: string,
    isQuick: boolean,
    table?: string
  ) => { readonly title?: string; readonly figures: ReadonlyArray<{ readonly title: string }> }
}

const { rows: restartRows } = (await load("restart/report.mjs")) as {
  readonly rows: ReadonlyArray<readonly [string, unknown]>
}

const { rows: killRows } = (await load("kills/report.mjs")) as { readonly rows: ReadonlyArray<string> }

const generated = (name: string) => {
  const [begin, end] = markers(name)
  const document = Documents.text(parts[name]?.file ?? "")
  const [, after = ""] = document.split(begin)
  assert.include(after, end, `${parts[name]?.file} lacks the part ${name}`)
  return after.split(end)[0] ?? ""
}

const titles = (text: string) => Documents.rows(text).map(([title]) => title)

describe("The figures in the documents", () => {
  it.each(Object.entries(tables))("have the rows that the benchmark measures: %s", (table, rows) => {
    assert.deepStrictEqual(
      titles(generated(table)),
      rows.flatMap((id) => rowOf(id, false, table).figures.map(({ title }) => title))
    )
  })

  it("have the rows that the restart measures", () => {
    assert.deepStrictEqual(
      titles(generated("restart")),
      restartRows.map(([title]) => title.trim())
    )
  })

  it("have the rows of a server that is killed", () => {
    assert.deepStrictEqual(titles(generated("kills")), [...killRows, "faults"])
  })

  it("break down loads that the benchmark has", () => {
    const profile = titles(Documents.section(Documents.text("BENCHMARKS.md"), "Where the time goes"))
    assert.isNotEmpty(profile)
    const known = (tables["figures"] ?? []).map((id) => rowOf(id, false).title)
    for (const title of profile) assert.include(known, title)
  })
})

describe("CONTRIBUTING", () => {
  it("shows checks that the conformance suite has", async () => {
    const { checks } = (await load("conformance/checks.mjs")) as { readonly checks: ReadonlyArray<{ name: string }> }
    const [example = ""] = Documents.blocks(Documents.text("CONTRIBUTING.md"), "console")
    const shown = [...example.matchAll(/^(?:ok|failed) +(.*?) {2,}/gmu)].map(([, name]) => name)
    assert.lengthOf(shown, 3)
    for (const name of shown)
      assert.include(
        checks.map((check) => check.name),
        name
      )
  })
})
