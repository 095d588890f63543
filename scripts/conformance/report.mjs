// The table of results. Imported, not run.

const indented = (label, text) => `        ${label.padEnd(9)} ${String(text).replaceAll("\n", `\n${" ".repeat(18)}`)}`

const lineOf = ({ expected, got, group, name, proves, reason, section, state }, width, isVerbose) => {
  const head = `${state.padEnd(7)} ${name.padEnd(width)}  ${group.padEnd(8)}  ${section}`
  if (state === "skipped") return `${head}  (${reason})`
  const says = isVerbose || state === "failed" ? [indented("says", [proves].flat().join(" … "))] : []
  const found = state === "failed" ? [indented("expected", expected), indented("got", got)] : []
  return [head, ...says, ...found].join("\n")
}

export const table = (outcomes, seconds, { verbose }) => {
  const width = Math.max(...outcomes.map(({ name }) => name.length))
  const count = (state) => outcomes.filter((outcome) => outcome.state === state).length
  const sum = ["ok", "failed", "skipped"].map((state) => `${count(state)} ${state}`).join(", ")
  return [
    ...outcomes.map((outcome) => lineOf(outcome, width, verbose)),
    "",
    `${outcomes.length} checks: ${sum}; ${seconds.toFixed(1)} s`
  ].join("\n")
}
