import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Wire from "../protocol/Wire.js"

/**
 * Encodes logins, recipients and texts in wire form (`Wire`), and rejects those that would change the line's meaning.
 */

/** A login, recipient or text that cannot be sent as one line with the intended meaning; nothing was sent. */
export class Unsendable extends Data.TaggedError("Unsendable")<{
  readonly reason: "BadLogin" | "LoginWithSecret" | "BadRecipient" | "BadRoom" | "NoRecipient" | "ControlCharacter"
  /** The name or text that cannot be sent. */
  readonly value: string
}> {
  override get message() {
    return `${reasons[this.reason]}: ${JSON.stringify(this.value)}`
  }
}

const reasons: Record<Unsendable["reason"], string> = {
  BadLogin: "not a login",
  LoginWithSecret: "a login with a secret, which is an option of its own",
  BadRecipient: "not a recipient",
  BadRoom: "not a room, whose name starts with #",
  NoRecipient: "a message without a recipient",
  ControlCharacter: "a line break or a control character other than TAB"
}

export const text = (value: string): Effect.Effect<string, Unsendable> => {
  const wire = Wire.encode(value)
  return Wire.hasControl(wire)
    ? Effect.fail(new Unsendable({ reason: "ControlCharacter", value }))
    : Effect.succeed(wire)
}

/**
 * The wire form of a login. The server decides which names are valid. This rejects only characters that would give the
 * line another meaning, and a secret.
 */
export const login = (value: string): Effect.Effect<string, Unsendable> => {
  // The error does not contain what follows a colon: it may be a password.
  const [name = "", ...secret] = value.split(":")
  if (/^\s*(?:[/!*#@]|$)/u.test(value) || Wire.hasControl(Wire.encode(value))) {
    return Effect.fail(new Unsendable({ reason: "BadLogin", value: name }))
  }
  // Otherwise the secret would be sent to any server, even one without accounts.
  if (secret.length > 0) return Effect.fail(new Unsendable({ reason: "LoginWithSecret", value: name }))
  return Effect.succeed(Wire.encode(value))
}

/** Text that cannot be a recipient: it would split the list, or give the line another meaning. */
const badRecipient = /[,:]|^\s*(?:[/!*@]|#?\s*$)/u

/** The wire form of the part before a message's colon. */
export const recipients = (names: ReadonlyArray<string>): Effect.Effect<string, Unsendable> => {
  if (names.length === 0) return Effect.fail(new Unsendable({ reason: "NoRecipient", value: "" }))
  const bad = names.find((name) => badRecipient.test(name) || Wire.hasControl(Wire.encode(name)))
  return bad === undefined
    ? Effect.succeed(Wire.encode(names.join(", ")))
    : Effect.fail(new Unsendable({ reason: "BadRecipient", value: bad }))
}

/** The wire form of a room or a name in a command, where a blank would end it. */
export const conversation = (name: string): Effect.Effect<string, Unsendable> =>
  /\s/u.test(name.trim())
    ? Effect.fail(new Unsendable({ reason: "BadRecipient", value: name }))
    : Effect.map(recipients([name]), (wire) => Wire.trim(wire))

/** The wire form of a room in a command. */
export const room = (name: string): Effect.Effect<string, Unsendable> =>
  name.trim().startsWith("#")
    ? Effect.mapError(conversation(name), () => new Unsendable({ reason: "BadRoom", value: name }))
    : Effect.fail(new Unsendable({ reason: "BadRoom", value: name }))

/** A message with its LF. */
export const message = (to: ReadonlyArray<string>, value: string): Effect.Effect<string, Unsendable> =>
  Effect.zipWith(recipients(to), text(value), (head, wire) => `${head}: ${wire}\n`)
