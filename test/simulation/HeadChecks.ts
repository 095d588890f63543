import type { Report } from "./Checks.js"
import type { ByName, Message } from "./DeliveryChecks.js"
import type { ObservedConnection } from "./ObservedConnection.js"
import * as ProtocolModel from "./ProtocolModel.js"
import { decode } from "./WireText.js"

/** The parameters of each message are those that its recipient asked for before, and they are true. */
export const check = (
  sessions: ReadonlyArray<ObservedConnection>,
  byWire: ReadonlyMap<string, Message>,
  writtenTo: ReadonlyMap<Message, ReadonlyMap<string, unknown>>,
  byName: ByName,
  report: Report
) => {
  for (const recipient of sessions) {
    let words: ReadonlyArray<string> = []
    for (const one of recipient.received) {
      if (one.is === "answer") words = /^\* hello [^:]* on=([^\s:]+)/u.exec(one.line)?.[1]?.split("+") ?? words
      if (one.is !== "from") continue
      const message = byWire.get(one.line)
      const name = recipient.name ?? ""
      if (message === undefined || !message.to.includes(name)) continue // reported elsewhere
      const where = `${one.line.slice(0, 40)} at ${recipient.wire.remote}: ${one.params.join(" ")}`
      const isMarked = one.params.includes("auto=yes")
      const { isAuto } = message.line
      const mayBeMarked = words.includes("auto")
      if (isMarked ? !mayBeMarked || isAuto === "no" : mayBeMarked && isAuto === "yes")
        report("a wrong mark of a program", where)
      const param = one.params.find((other) => other.startsWith("to="))
      const listed = param?.slice("to=".length).split("+").map(decode)
      if (!isTrueList(listed, words.includes("to"), name, message, writtenTo.get(message), byName))
        report("a wrong list of other recipients", where)
    }
  }
}

/** Whether the list of the other recipients has those that got the line, and none that cannot have been present. */
const isTrueList = (
  listed: ReadonlyArray<string> | undefined,
  isWanted: boolean,
  name: string,
  { line, to }: Message,
  written: ReadonlyMap<string, unknown> | undefined,
  byName: ByName
): boolean => {
  const got = to.filter((other) => other !== name && written?.has(other) === true)
  if (!isWanted || listed === undefined) return listed === undefined && (!isWanted || got.length === 0)
  const couldBePresent = (other: string) =>
    (byName.get(other) ?? []).some(({ presence }) => presence && ProtocolModel.overlap(presence.maybe, line.span))
  const inOrder = to.filter((other) => listed.includes(other))
  return (
    !listed.includes(name) &&
    listed.join() === inOrder.join() &&
    listed.every(couldBePresent) &&
    got.every((other) => listed.includes(other))
  )
}
