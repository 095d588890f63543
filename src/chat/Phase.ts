import type { CloseReason } from "../protocol/CloseReason.js"

/** The phase of a connection's life. Phases only move forward. */
export type Phase =
  /** Not logged in yet, or the login is being decided. */
  | { readonly _tag: "Login"; readonly isHeard: true }
  /** Logged in: lines can be addressed to this client, unless it only sends. */
  | { readonly _tag: "Present"; readonly isHeard: true }
  /**
   * The input is over for this reason. The client keeps its name, and still gets its queue and the outcomes of its own
   * lines. `label` is the label of its `/quit`, if that had one. After a logout, lines that the server had already read
   * are still routed: `isHeard` is true until then.
   */
  | {
      readonly _tag: "Leaving"
      readonly isHeard: boolean
      readonly reason: CloseReason
      readonly label: string | undefined
    }
  /**
   * The writer has ended, and the name is free. If the connection broke, complete lines that the server had already
   * read may still have to be routed: `isHeard` is true until then.
   */
  | { readonly _tag: "Gone"; readonly isHeard: boolean }

export const login: Phase = { _tag: "Login", isHeard: true }

export const present: Phase = { _tag: "Present", isHeard: true }

/** Another connection has taken the place of this one. Everything that was read from it is still routed. */
export const replaced: Phase = { _tag: "Leaving", isHeard: true, reason: "logged-out", label: undefined }

/** The phase after the end of the input. Only the first reason to leave counts. */
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

/** The phase after the end of the writer. */
export const gone = (before: Phase): Phase => (before.isHeard ? goneHeard : goneUnheard)

const goneHeard: Phase = { _tag: "Gone", isHeard: true }
const goneUnheard: Phase = { _tag: "Gone", isHeard: false }

/** Whether a peer may go from one phase to the other. A peer never returns to an earlier phase. */
export const mayFollow = (before: Phase, after: Phase): boolean => rank(before) < rank(after)

const rank = ({ _tag, isHeard }: Phase) => ["Login", "Present", "Leaving", "Gone"].indexOf(_tag) + (isHeard ? 0 : 0.5)
