import * as Received from "../../client/Received.js"
import type { RoomNotice } from "../../client/RoomReports.js"

/** Sentences about rooms and devices, for people. */

/** The server's operator has no name. */
export const whoIs = (name: string): string => (name === "*operator" ? "The operator" : name)

export const topic = (name: string | undefined, text: string): string => {
  const who = name === undefined ? "" : ` by ${whoIs(name)}`
  return text === "" ? `The topic was removed${who}` : `Topic${who}: ${text}`
}

export const locked = (isLocked: boolean): string =>
  isLocked ? "The room is locked: only members and invited accounts may enter" : "The room is open to all"

export const slow = (millis: number): string =>
  millis === 0
    ? "Members may write as often as they like"
    : `Members may write one line every ${Math.ceil(millis / 1000)} s`

export const silenced = ({ by, name, until }: Extract<RoomNotice, { readonly _tag: "Silenced" }>): string => {
  const who = by === undefined ? "" : `, says ${whoIs(by)}`
  return until === undefined ? `${name} may write again${who}` : `${name} may not write for now${who}`
}

/** A device of the account, as `/devices` lists it. */
export const device = ({ values, words: [name = ""] }: Received.Report): string => {
  const isHere = values.get("here") === "yes" ? ", connected" : ""
  const seen = Received.numberIn(values.get("seen"))
  return `${name}${isHere}${seen === undefined ? "" : `, last here on ${new Date(seen).toLocaleString()}`}`
}
