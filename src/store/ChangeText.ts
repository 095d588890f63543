import type { StoreChange } from "../ports/StoreSharing.js"

/** The text form of changes in the log. Strings in wire form are ordinary strings in JSON. */

export const encode = (change: StoreChange): string => JSON.stringify(change)

export const decode = (text: string): StoreChange => {
  const change = JSON.parse(text) as StoreChange // `encode` wrote it
  // JSON omits undefined properties.
  if (change._tag === "RoomCreated") return { ...change, room: { ...change.room, owner: change.room.owner } }
  if (change._tag !== "LinesReturned") return change
  return { ...change, returns: change.returns.map((lines) => ({ ...lines, account: lines.account })) }
}
