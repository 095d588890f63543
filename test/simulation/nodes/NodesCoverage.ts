/** What has to occur in some runs, or a promise is untested. */
const wanted = [
  "appeared",
  "lost",
  "suspended",
  "resumed",
  "reborn",
  "taken",
  "leaves",
  "could",
  "found",
  "contents received",
  "claims of taken names",
  "burials",
  "burials of living nodes",
  "leases taken from a living process",
  "names with two owners, of which one is suspended",
  "nodes that know everything",
  "crashes",
  "processes stopped",
  "machines asleep",
  "nodes cut off",
  "one-way cuts",
  "two-way cuts",
  "engine stopped",
  "engine stopped, and all entries lost",
  "engine went back",
  "names with two owners that write, after the engine went back",
  "lost frames",
  "late frames",
  "merged changes",
  "watches stalled",
  "late requests",
  "late answers",
  "lost answers"
]

export class NodesCoverage {
  private readonly counts = new Map<string, number>()

  add(counts: ReadonlyMap<string, number>) {
    for (const [what, count] of counts) this.counts.set(what, (this.counts.get(what) ?? 0) + count)
  }

  get missing(): ReadonlyArray<string> {
    return wanted.filter((what) => !this.counts.has(what))
  }

  show(): string {
    return wanted.map((what) => `${what}: ${this.counts.get(what) ?? 0}`).join("\n")
  }
}
