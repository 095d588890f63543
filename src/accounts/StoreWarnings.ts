import * as Effect from "effect/Effect"
import { oncePerPeriod } from "../chat/RefusalLog.js"
import type { StoreError } from "../ports/StoreError.js"

/** Warnings about a failing store, rate-limited because every login and departure causes one. */
export interface StoreWarnings {
  readonly loginNotChecked: (error: StoreError) => Effect.Effect<void>
  readonly devicesNotSeen: (error: StoreError) => Effect.Effect<void>
}

export const make = (): StoreWarnings => ({
  loginNotChecked: warning("a login could not be checked"),
  devicesNotSeen: warning("the store does not know which devices were seen")
})

const warning = (text: string) =>
  oncePerPeriod(({ message }: StoreError) => Effect.annotateLogs(Effect.logWarning(text), { reason: message }))
