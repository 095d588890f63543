import type { PastLine } from "./PastReports.js"
import * as RoomReports from "./RoomReports.js"

/**
 * A past line as JSON, with the keys of `a-chat listen --json`; in a direct conversation also `with`, the other name.
 */
export const of = ({ at, conversation, from, seq, text, ...params }: PastLine): object => {
  const where = RoomReports.isRoom(conversation) ? { room: conversation } : { with: conversation }
  return { from, text, at: new Date(at).toISOString(), ...where, seq, ...params }
}
