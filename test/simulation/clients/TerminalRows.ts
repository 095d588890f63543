/** What the rows of the terminal say about the user's lines. */

export interface FinalRow {
  readonly text: string
  readonly to: string
  readonly state: "delivered" | "returned" | "refused" | "unknown" | "unsent"
}

/** The lines in the scrollback, once for each recipient. */
export const finals = (rows: ReadonlyArray<string>): ReadonlyArray<FinalRow> =>
  rows.flatMap((row): ReadonlyArray<FinalRow> => {
    const [, mark, names = "", text = "", rest] = own.exec(row) ?? []
    const to = names.split(", ")
    const all = (state: FinalRow["state"]) => to.map((name) => ({ text, to: name, state }))
    if (mark === "✓") return all("delivered")
    if (mark === "?" && rest === "may or may not have arrived") return all("unknown")
    if (mark === "…" && rest === "was not sent") return all("unsent")
    if (mark !== "✗" || rest === undefined) return []
    const failed = failures(rest, to)
    return to.map((name) => ({ text, to: name, state: failed.get(name) ?? "delivered" }))
  })

/** After the time, or blanks of its width. */
const own = /^[\d: ]{6}([✓✗?…]) ([^‹]+) ‹ (text [\d.]+)(?: — (.*))?$/u

/** `cy offline; zoë busy, try again in 1 s`, or only the reason if it is that of all. */
const failures = (reasons: string, to: ReadonlyArray<string>): ReadonlyMap<string, FinalRow["state"]> => {
  const failed = new Map<string, FinalRow["state"]>()
  for (const reason of reasons.split("; ")) {
    const state = /^[\w-]+: /.test(reason) ? "refused" : "returned"
    const named = to.filter((name) => new RegExp(`(?:^|, )${name}(?:,| ) ?`, "u").test(reason))
    for (const name of named.length > 0 ? named : to) if (!failed.has(name)) failed.set(name, state)
  }
  return failed
}

export interface PendingRows {
  readonly rows: ReadonlyArray<{ readonly mark: string; readonly text: string }>
  /** How many lines there are, with those that are only counted. */
  readonly count: number
}

/** The lines above the prompt that do not have all their outcomes. */
export const pending = (rows: ReadonlyArray<string>): PendingRows => {
  const found = rows.flatMap((row) => {
    const [, mark = "", , text = "", rest = ""] = own.exec(row) ?? []
    const isPending = (mark === "…" && rest !== "was not sent") || (mark === "?" && rest === "")
    return isPending ? [{ mark, text }] : []
  })
  const more = rows.flatMap((row) => /^ {6}… (\d+) more$/u.exec(row)?.[1] ?? []).at(-1)
  return { rows: found, count: found.length + Number(more ?? 0) }
}
