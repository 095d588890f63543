import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Wire from "../protocol/Wire.js"

/** What may be sent: logins, recipients and texts in their wire form (`Wire`), each good for a part of one line. */

/** A login, recipient or text that would not travel as one line of the meaning intended; nothing of it was sent. */
export class Unsendable extends Data.TaggedError("Unsendable")<{
  readonly reason: "BadLogin" | "BadRecipient" | "NoRecipient" | "ControlCharacter"
  /** The name or text that cannot be sent. */
  readonly value: string
}> {
  override get message() {
    return `${reasons[this.reason]}: ${JSON.stringify(this.value)}`
  }
}

const reasons: Record<Unsendable["reason"], string> = {
  BadLogin: "not a login",
  BadRecipient: "not a recipient",
  NoRecipient: "a message without a recipient",
  ControlCharacter: "a line break or a control character other than TAB"
}

export const encodeText = (text: string): Effect.Effect<string, Unsendable> => {
  const wire = Wire.encode(text)
  return Wire.hasControl(wire)
    ? Effect.fail(new Unsendable({ reason: "ControlCharacter", value: text }))
    : Effect.succeed(wire)
}

/**
 * The wire form of a login. More than the original's names are none of this client's business; these characters mean
 * something in a line.
 */
export const encodeLogin = (login: string): Effect.Effect<string, Unsendable> =>
  /^\s*(?:[/!*#@]|$)/u.test(login) || Wire.hasControl(Wire.encode(login))
    ? Effect.fail(new Unsendable({ reason: "BadLogin", value: login }))
    : Effect.succeed(Wire.encode(login))

/** The wire form of what stands before a message's colon. */
export const encodeRecipients = (recipients: ReadonlyArray<string>): Effect.Effect<string, Unsendable> => {
  if (recipients.length === 0) return Effect.fail(new Unsendable({ reason: "NoRecipient", value: "" }))
  const bad = recipients.find((name) => /[,:]|^\s*(?:[/!*#@]|$)/u.test(name) || Wire.hasControl(Wire.encode(name)))
  return bad === undefined
    ? Effect.succeed(Wire.encode(recipients.join(", ")))
    : Effect.fail(new Unsendable({ reason: "BadRecipient", value: bad }))
}

/** A message with its LF. */
export const encodeMessage = (recipients: ReadonlyArray<string>, text: string): Effect.Effect<string, Unsendable> =>
  Effect.zipWith(encodeRecipients(recipients), encodeText(text), (head, wire) => `${head}: ${wire}\n`)
