import type { PastLine } from "./PastReports.js"
import * as RoomReports from "./RoomReports.js"

/**
 * A past line for JSON, with the same keys as of `a-chat listen --json`; a line of a direct conversation has `with`,
 * the other name.
 */
export const of = ({ at, conversation, from, seq, text, ...params }: PastLine): object => {
  const where = RoomReports.isRoom(conversation) ? { room: conversation } : { with: conversation }
  return { from, text, at: new Date(at).toISOString(), ...where, seq, ...params }
}
