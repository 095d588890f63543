import * as AnswerChecks from "./AnswerChecks.js"
import * as EndingChecks from "./EndingChecks.js"
import * as DeliveryChecks from "./DeliveryChecks.js"
import type { History } from "./History.js"
import * as OperatorChecks from "./OperatorChecks.js"
import * as OrderChecks from "./OrderChecks.js"
import { sessions, type ObservedConnection } from "./ObservedConnection.js"

/** A broken promise. */
export interface Violation {
  /** Which promise was broken; the same text in every run. */
  readonly rule: string
  readonly detail: string
}

export type Report = (rule: string, detail: string) => void

/** The promises of the protocol that a run broke. */
export const check = (
  history: History
): { readonly sessions: ReadonlyArray<ObservedConnection>; readonly violations: ReadonlyArray<Violation> } => {
  const violations: Array<Violation> = []
  const report: Report = (rule, detail) => void violations.push({ rule, detail })
  const all = sessions(history)
  EndingChecks.check(history, all, report)
  DeliveryChecks.check(history, all, report)
  OrderChecks.check(all, report)
  AnswerChecks.check(history, all, report)
  OperatorChecks.check(history, all, report)
  return { sessions: all, violations }
}
