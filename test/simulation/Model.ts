import * as Answers from "./Answers.js"
import * as Endings from "./Endings.js"
import * as Fates from "./Fates.js"
import type { History } from "./History.js"
import * as Order from "./Order.js"
import { sessions, type Session } from "./Session.js"

/** Something that must hold and did not. */
export interface Violation {
  /** Which promise was broken, in the same words for every run. */
  readonly rule: string
  readonly detail: string
}

export type Report = (rule: string, detail: string) => void

/** What one run broke of what the protocol promises; nothing, if all is well. */
export const check = (
  history: History
): { readonly sessions: ReadonlyArray<Session>; readonly violations: ReadonlyArray<Violation> } => {
  const violations: Array<Violation> = []
  const report: Report = (rule, detail) => void violations.push({ rule, detail })
  const all = sessions(history)
  Endings.check(history, all, report)
  Fates.check(history, all, report)
  Order.check(all, report)
  Answers.check(history, all, report)
  return { sessions: all, violations }
}
