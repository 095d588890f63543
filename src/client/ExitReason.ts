import type { TransportError } from "../ports/Transport.js"
import type { Received } from "./Received.js"

/** Why a command-line client ended. */
export type ExitReason =
  /** The client left after getting everything queued for it, or the reader of its output has gone. */
  | { readonly _tag: "Left" }
  /** The server refused or returned something. */
  | { readonly _tag: "Refused" }
  /** The server closed the connection in an orderly way before the client had left. */
  | { readonly _tag: "Closed" }
  /** The client had left and the server closed in an orderly way, but without proof that it handled every line. */
  | { readonly _tag: "Unconfirmed" }
  /** The connection broke. */
  | { readonly _tag: "Lost"; readonly error: TransportError }

/** What a client in a pipe knows when the server has closed the connection in an orderly way. */
export interface OrderlyEnd {
  /** The server's last line. */
  readonly lastLine: Received
  /** Whether the client has sent all of its input. */
  readonly left: boolean
  /** Whether the server refused or returned something. */
  readonly refused: boolean
  /** Whether the server has confirmed everything that was sent. Also true for an original server, which never does. */
  readonly confirmed: boolean
}

export const ofOrderlyEnd = ({ confirmed, lastLine, left, refused }: OrderlyEnd): ExitReason => {
  if (lastLine._tag === "Refused" && lastLine.fatal) return { _tag: "Refused" }
  const hasQuit = lastLine._tag === "Notice" && lastLine.code === "bye" && lastLine.values.get("reason") === "quit"
  if (!left && !hasQuit) return { _tag: "Closed" }
  if (!confirmed && !hasQuit) return { _tag: "Unconfirmed" }
  return refused ? { _tag: "Refused" } : { _tag: "Left" }
}
