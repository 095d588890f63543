import type { Violation } from "../Checks.js"
import type { Timeline } from "./Timeline.js"

/** What happened in a run, in readable form, and what should not have. */
export class NodesRecord {
  readonly violations: Array<Violation> = []
  readonly story: Array<string> = []
  /** How often something occurred. */
  readonly counts = new Map<string, number>()

  constructor(private readonly timeline: Timeline) {}

  readonly note = (event: string) => {
    this.story.push(`${this.timeline.now} ms: ${event}`)
  }

  readonly broken = (rule: string, detail: string) => {
    this.violations.push({ rule, detail: `${this.timeline.now} ms: ${detail}` })
    this.note(`BROKEN ${rule}: ${detail}`)
  }

  readonly occurred = (what: string, count = 1) => {
    this.counts.set(what, (this.counts.get(what) ?? 0) + count)
  }
}
