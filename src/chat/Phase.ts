import type { CloseReason } from "../protocol/CloseReason.js"

/** Where a connection is in its life. It only moves forward. */
export type Phase =
  /** No login yet, or one that is being decided. */
  | { readonly _tag: "Login"; readonly isHeard: true }
  /** Logged in: lines can be addressed to it. */
  | { readonly _tag: "Present"; readonly isHeard: true }
  /**
   * Its input is over for this reason. It keeps its name, and still gets its queue and the outcomes of its own lines.
   * `label` is that of the `/quit` it leaves by.
   */
  | {
      readonly _tag: "Leaving"
      readonly isHeard: false
      readonly reason: CloseReason
      readonly label: string | undefined
    }
  /**
   * Its writer has ended, and its name is free. If its connection broke, lines that the server had read whole may still
   * have to be routed: it is heard until these are used up.
   */
  | { readonly _tag: "Gone"; readonly isHeard: boolean }

export const login: Phase = { _tag: "Login", isHeard: true }

export const present: Phase = { _tag: "Present", isHeard: true }

/** The phase after the end of its input, which comes once. */
export const leaving = (before: Phase, reason: CloseReason, label: string | undefined): Phase => {
  switch (before._tag) {
    case "Login":
    case "Present":
      return { _tag: "Leaving", isHeard: false, reason, label }
    case "Leaving":
      return before
    case "Gone":
      return goneUnheard
  }
}

/** The phase after the end of its writer. */
export const gone = (before: Phase): Phase => (before.isHeard ? goneHeard : goneUnheard)

const goneHeard: Phase = { _tag: "Gone", isHeard: true }
const goneUnheard: Phase = { _tag: "Gone", isHeard: false }

/** Whether a peer may go from one to the other: phases never come back. */
export const mayFollow = (before: Phase, after: Phase): boolean => rank(before) < rank(after)

const rank = ({ _tag, isHeard }: Phase) => ["Login", "Present", "Leaving", "Gone"].indexOf(_tag) + (isHeard ? 0 : 0.5)
