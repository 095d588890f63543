import { isUtf8 } from "node:buffer"

/** What the transport of this run can do: test/server runs over each that `ACHAT_TEST_OVER` names. */

const over = process.env["ACHAT_TEST_OVER"]

/** A WebSocket has no half-open connections: the Close frame of a client ends both directions. */
export const isWebSocket = over === "websocket" || over === "wss"

/** How the stream of a client ends that the server closed in the middle of a write. */
export const endWithinWrite = isWebSocket ? "ENOCLOSE" : "end"

/** Whether a client can send these bytes. A WebSocket with other bytes than UTF-8 is closed. */
export const canSend = (bytes: string | Uint8Array): boolean => !isWebSocket || isUtf8(Buffer.from(bytes))
