import type { TransportError } from "../transport/Transport.js"
import type { Received } from "./Received.js"

/** How a session at the command line ended. */
export type Ending =
  /** As we wanted: we left, and got what was for us. Or nobody reads our output any more. */
  | { readonly _tag: "Left" }
  /** The server refused something. */
  | { readonly _tag: "Refused" }
  /** The server closed in order, but we had not left: it may not have taken our last lines. */
  | { readonly _tag: "Closed" }
  /** The connection broke. */
  | { readonly _tag: "Lost"; readonly error: TransportError }

/**
 * What an end in order means: the last line tells whether the server had a reason that it told us.
 *
 * @param left whether we had ended our sending half
 */
export const inOrder = (last: Received, left: boolean, refused: boolean): Ending => {
  if (last._tag === "Refused" && last.fatal) return { _tag: "Refused" }
  const quit = last._tag === "Notice" && last.code === "bye" && last.values.get("reason") === "quit"
  if (!left && !quit) return { _tag: "Closed" }
  return refused ? { _tag: "Refused" } : { _tag: "Left" }
}
